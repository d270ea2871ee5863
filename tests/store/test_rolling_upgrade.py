"""Servers of the version before the release process refuse data with unknown fields."""

import json

import pytest

from engine.domain.change import Change
from engine.domain.change_facts import Fingerprint, Person
from engine.domain.record_base import ApprovalRecord, Value
from engine.domain.state import EMPTY, EnvironmentState, LockState, state_after
from tests.domain.records import APPROVED, AT, DIGEST, a_promotion, a_rollback
from tests.store.stores import change

# The fields that they know; those of a record include the fields of every record.
RECORD = """kind schema_version operator operator_id identity_source identity_verified trace_id
    policy_digest repository copied_to artifact_digest artifact_tag version signature_verified
    signature_status authorization_passed authorized_via approvals requested_at registry_sync
    warnings impact_analysis"""
KNOWN = {
    "Change": """id action version source target reason overrides requester interface trace_id state
        revision created_at updated_at expires_at digest required groups approvals approvers
        fingerprint findings gate_results signature impact policy_digest previous warnings
        registry_sync record_id anchor artifact_tag recorded_at unchanged ended superseded_by
        context product""",
    "Overrides": "allow_older override_rollback reason",
    "Person": "name id source verified groups names claimed doubt",
    "Fingerprint": """digest action version source target running_version running_digest
        configuration verdicts rolled_back""",
    "GateResult": "gate status duration_ms error details security_summary",
    "SecuritySummary": """critical_count high_count medium_count low_count unknown_count
        blocking_cves ignored_unfixed""",
    "ApprovalRecord": """operator operator_id identity_source authorized_via approved_at
        interface""",
    "PromotionRecord": f"""{RECORD} promotion_id source_environment target_environment gate_results
        promoted_at dry_run overrides previous""",
    "RollbackRecord": f"""{RECORD} rollback_id environment previous_digest previous_version reason
        rolled_back_at""",
    "EnvironmentState": """version digest record sequence operator since before highest lock
        keys""",
    "LockState": "reason operator operator_id at expires_at",
}
PERSON = Person(name="alice", id="oidc:a", source="oidc", verified=True)
PROMOTION = a_promotion()
LOCK = LockState(reason="INC-7", operator="bob", operator_id="oidc:b", at=AT)


def a_full_change() -> Change:
    return change(
        approvals=(APPROVED,),
        approvers=(PERSON,),
        gate_results=PROMOTION.gate_results,
        fingerprint=Fingerprint(
            digest=DIGEST,
            action="promote",
            version="v1.0.0",
            source="dev",
            target="prod",
            running_version=None,
            running_digest=None,
            configuration=DIGEST,
        ),
    )


@pytest.mark.parametrize(
    "stored",
    [
        a_full_change(),
        PROMOTION,
        a_rollback(),
        APPROVED,
        EMPTY,
        state_after(EMPTY, PROMOTION, 1).model_copy(update={"lock": LOCK}),
    ],
    ids=lambda stored: type(stored).__name__,
)
def test_older_servers_know_each_field_of_what_is_stored_without_new_features(
    stored: Change | ApprovalRecord | EnvironmentState,
) -> None:
    assert unknown(stored, json.loads(stored.model_dump_json())) == []


def unknown(value: object, written: object, place: str = "") -> list[str]:
    """The fields in `written`, the JSON of `value`, that older servers refuse."""
    if isinstance(value, tuple) and isinstance(written, list):
        pairs = zip(value, written, strict=True)
        return [found for one, two in pairs for found in unknown(one, two, place)]
    name = type(value).__name__
    if not isinstance(written, dict) or (name not in KNOWN and not isinstance(value, Value)):
        return []
    found = [f"{place}{key}" for key in written.keys() - KNOWN.get(name, " ".join(written)).split()]
    for key in written:
        found += unknown(getattr(value, key, None), written[key], f"{place}{key}.")
    return found
