"""Sample records: one of every kind, with every field set."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from engine.domain.gate import GateKind, GateResult, GateStatus, SecuritySummary
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.public_key import PublicKey
from engine.domain.record import (
    AnyRecord,
    LockRecord,
    Previous,
    PromotionRecord,
    RefusalRecord,
    RegistrySync,
    RejectionRecord,
    RollbackRecord,
    SignatureStatus,
    UnlockRecord,
)
from engine.domain.record_base import ApprovalRecord
from engine.domain.release_records import (
    BreakGlass,
    ReleaseRecord,
    ReviewRecord,
    UnwaiveRecord,
    WaiveRecord,
)
from engine.domain.upkeep_records import (
    AcknowledgeRecord,
    RepairRecord,
    RestoreRecord,
    RotateRecord,
)

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
ED25519 = bytes.fromhex("302a300506032b6570032100")
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
KEY, OTHER_KEY = PublicKey.of_der(P256 + bytes(64)), PublicKey.of_der(ED25519 + bytes(32))
ID = UUID("12345678-1234-4234-8234-123456789abc")
WHO = {
    "operator": "alice@acme.com",
    "operator_id": "oidc:https://issuer.example#alice",
    "identity_source": "oidc",
    "identity_verified": True,
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "policy_digest": OTHER,
}
SIGNED = SignatureStatus(enforcement="enforce", mode="key", fingerprint="SHA256:abc")
SCAN = GateResult(
    gate=GateKind.SECURITY_SCAN,
    status=GateStatus.WARNING,
    duration_ms=1234,
    error="2 MEDIUM",
    details={"output_sha256": DIGEST, "exit_status": 0, "nested": {"list": [1, "two", None]}},
    security_summary=SecuritySummary(
        critical_count=0,
        high_count=0,
        medium_count=2,
        low_count=1,
        unknown_count=0,
        blocking_cves=("CVE-2026-1", "CVE-2026-2"),
        ignored_unfixed=3,
    ),
)
APPROVED = ApprovalRecord(
    operator="bob@acme.com",
    operator_id="slack:T1/U2",
    identity_source="slack",
    authorized_via="group release-managers",
    approved_at=AT,
    interface="slack",
)
GLASS = BreakGlass(
    incident="INC-42", reason="down", via="group sre", skipped=("approvals",), review_by=AT
)
SYNCED = RegistrySync(registry="mirror.example/acme", status="failed", error="timed out")


def a_promotion(**changes: object) -> PromotionRecord:
    fields = {
        "promotion_id": ID,
        "artifact_digest": DIGEST,
        "artifact_tag": "v1.2.3-prod",
        "version": "v1.2.3",
        "source_environment": "staging",
        "target_environment": "prod",
        "gate_results": (SCAN,),
        "signature_verified": True,
        "signature_status": SIGNED,
        "authorization_passed": True,
        "authorized_via": "group platform-admins",
        "approvals": (APPROVED,),
        "promoted_at": AT,
        "registry_sync": (SYNCED,),
        "warnings": ("one", "two"),
        "previous": Previous(version="v1.2.2", digest=OTHER),
    }
    return PromotionRecord.model_validate(WHO | fields | changes)


def a_rollback(**changes: object) -> RollbackRecord:
    fields = {
        "rollback_id": ID,
        "artifact_digest": DIGEST,
        "artifact_tag": "v1.2.2-prod-rollback-1",
        "version": "v1.2.2",
        "environment": "prod",
        "previous_digest": OTHER,
        "previous_version": "v1.2.3",
        "reason": "INC-42: 5xx after release",
        "signature_verified": False,
        "signature_status": SignatureStatus(enforcement="off"),
        "authorization_passed": True,
        "authorized_via": "group platform-admins",
        "rolled_back_at": AT,
        "impact_analysis": ImpactAnalysis(breaking_changes=("Removed field: config.x",)),
    }
    return RollbackRecord.model_validate(WHO | fields | changes)


def an_acknowledgement() -> AcknowledgeRecord:
    fields = {
        "environment": "prod",
        "acknowledge_id": ID,
        "void_sequence": 7,
        "void_digest": OTHER,
        "reason": "INC-7",
        "authorized_via": "group admins",
        "acknowledged_at": AT,
    }
    return AcknowledgeRecord.model_validate(WHO | fields)


def a_rotation() -> RotateRecord:
    fields = {
        "environment": "prod",
        "rotate_id": ID,
        "added": [KEY.model_dump()],
        "retired": [OTHER_KEY.model_dump()],
        "reason": "2027",
        "authorized_via": "group admins",
        "rotated_at": AT,
    }
    return RotateRecord.model_validate(WHO | fields)


def a_waiver() -> WaiveRecord:
    terms = {"vulnerability": "CVE-2026-1", "package": "pkg:npm/lodash", "until": AT}
    fields = {"environment": "prod", "waive_id": ID, "terms": terms, "reason": "not reachable"}
    given = {"approvals": (APPROVED,), "authorized_via": "group admins"}
    return WaiveRecord.model_validate(WHO | fields | given | {"requested_at": AT, "waived_at": AT})


def an_unwaiver() -> UnwaiveRecord:
    fields = {"environment": "prod", "unwaive_id": ID, "vulnerability": "CVE-2026-1"}
    fields |= {"package": "pkg:npm/lodash", "waived_by": "bob@acme.com", "reason": "fixed"}
    given = {"authorized_via": "group admins", "unwaived_at": AT}
    return UnwaiveRecord.model_validate(WHO | fields | given)


def a_release() -> ReleaseRecord:
    fields = {
        "environment": "prod",
        "release_id": ID,
        "version": "v1.2.3",
        "artifact_digest": OTHER,
        "reason": "the fix is in the database",
        "authorized_via": "group admins",
        "released_at": AT,
    }
    return ReleaseRecord.model_validate(WHO | fields)


def a_repair() -> RepairRecord:
    tags = ("floe-ledger.prod.1", "floe-head.prod")
    fields = {"environment": "prod", "repair_id": ID, "tags": tags, "repaired_at": AT}
    fields["reason"] = "put back floe-ledger.prod.1 and 1 more"
    return RepairRecord.model_validate(WHO | fields)


def a_review() -> ReviewRecord:
    fields = {"review_id": ID, "reviewed": str(ID), "incident": "INC-42", "accepted": False}
    fields |= {"environment": "prod", "reason": "ask first", "authorized_via": "group sre"}
    return ReviewRecord.model_validate(WHO | fields | {"reviewed_at": AT})


def one_of_each() -> tuple[AnyRecord, ...]:
    place = {"environment": "prod"}
    return (
        a_promotion(break_glass=GLASS),
        a_rollback(),
        RestoreRecord.model_validate(
            WHO
            | place
            | {"restore_id": ID, "version": "v1.2.3", "artifact_digest": DIGEST}
            | {"previous_version": "v1.2.2", "previous_digest": OTHER, "reason": "moved by hand"}
            | {"authorization_passed": True, "authorized_via": "group admins", "restored_at": AT}
        ),
        LockRecord.model_validate(
            WHO
            | place
            | {"lock_id": ID, "reason": "freeze", "locked_at": AT}
            | {"expires_at": AT + timedelta(hours=2)}
        ),
        UnlockRecord.model_validate(
            WHO
            | place
            | {"unlock_id": ID, "reason": "over", "locked_by": "sre", "locked_reason": "freeze"}
            | {"authorized_via": "who locked", "unlocked_at": AT}
        ),
        *(an_acknowledgement(), a_rotation(), a_repair(), a_waiver(), an_unwaiver(), a_release()),
        RefusalRecord.model_validate(
            WHO
            | place
            | {"refusal_id": ID, "action": "promote", "rule": "lock", "message": "is locked"}
            | {"version": "v1.2.3", "artifact_digest": DIGEST, "count": 7, "refused_at": AT}
        ),
        RejectionRecord.model_validate(
            WHO
            | place
            | {"rejection_id": ID, "change_id": "c1", "action": "promote", "version": "v1.2.3"}
            | {"artifact_digest": DIGEST, "requested_by": "bob@acme.com", "reason": "not today"}
            | {"interface": "web", "rejected_at": AT}
        ),
        a_review(),
    )
