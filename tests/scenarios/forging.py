"""Records of a person who can write to the registry, and perhaps sign, and follows no rule."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from engine.api import Engine
from engine.audit.policies import store_policy
from engine.domain.operator import Operator
from engine.domain.record import (
    AnyRecord,
    LockRecord,
    Previous,
    PromotionRecord,
    RollbackRecord,
    SignatureStatus,
    UnlockRecord,
)
from engine.domain.record_base import ApprovalRecord
from engine.domain.record_header import record_header
from engine.domain.state import EMPTY, EnvironmentState
from tests.builders import Artifact
from tests.conftest import Place
from tests.scenarios.engines import ALICE, BOB, NOON, TRACE_ID

# Half a day after everything that the engine of a test did.
LATER = NOON + timedelta(hours=12)


@dataclass(frozen=True)
class Forger:
    """Writes records with valid links and states into the ledgers of `engine`, and their tags."""

    place: Place
    engine: Engine

    def promote(
        self, version: str, target: str, artifact: Artifact, **changes: Any
    ) -> PromotionRecord:
        """Record a promotion at LATER, and set its tag and `latest`."""
        state, path = self.state(target), self.engine.path
        source = next(iter(path.sources(target)), None)
        previous = (
            Previous(version=state.version, digest=state.digest)
            if state.version and state.digest
            else None
        )
        fields = {
            "promotion_id": uuid4(),
            "artifact_tag": f"{version}-{target}",
            "source_environment": source.name if source else "none",
            "target_environment": target,
            "gate_results": (),
            "promoted_at": LATER,
            "previous": previous,
        }
        record = PromotionRecord.model_validate(self._moved(version, artifact) | fields | changes)
        self.place.push(artifact, record.artifact_tag)
        self.place.push(artifact, f"latest-{target}")
        self.append(record)
        return record

    def roll_back(
        self, version: str, target: str, artifact: Artifact, **changes: Any
    ) -> RollbackRecord:
        """Record a rollback at LATER, and set its tag and `latest`."""
        state = self.state(target)
        fields = {
            "rollback_id": uuid4(),
            "artifact_tag": f"{version}-{target}-rollback-1",
            "environment": target,
            "previous_version": state.version,
            "previous_digest": state.digest,
            "reason": "forged",
            "rolled_back_at": LATER,
        }
        record = RollbackRecord.model_validate(self._moved(version, artifact) | fields | changes)
        self.place.push(artifact, record.artifact_tag)
        self.place.push(artifact, f"latest-{target}")
        self.append(record)
        return record

    def lock(self, target: str, at: datetime = LATER) -> None:
        who = record_header(ALICE, TRACE_ID, self.engine.runner.policy.digest)
        fields = {"lock_id": uuid4(), "environment": target, "reason": "forged", "locked_at": at}
        self.append(LockRecord.model_validate({**who, **fields}))

    def unlock(self, target: str) -> None:
        who = record_header(ALICE, TRACE_ID, self.engine.runner.policy.digest)
        fields = {
            "unlock_id": uuid4(),
            "environment": target,
            "reason": "forged",
            "locked_by": "",
            "locked_reason": "",
            "authorized_via": "forged",
            "unlocked_at": LATER,
        }
        self.append(UnlockRecord.model_validate({**who, **fields}))

    def append(self, record: AnyRecord) -> None:
        """Append `record`, under any policy; the policy of the engine is in the registry."""
        runner = self.engine.runner
        store_policy(runner.registry, runner.policy)
        end = runner.ledger.end(record.ledger)
        placed = record.model_copy(update={"repository": runner.registry.reference})
        entry, content = runner.ledger.prepare(end, placed, None)
        runner.registry.open_upload().finish(content)
        runner.ledger.create(entry)
        runner.ledger.point_head(entry)

    def state(self, target: str) -> EnvironmentState:
        head = self.engine.runner.ledger.head(target)
        return head.state if head else EMPTY

    def _moved(self, version: str, artifact: Artifact) -> dict[str, Any]:
        return {
            **record_header(ALICE, TRACE_ID, self.engine.runner.policy.digest),
            "artifact_digest": str(artifact.manifest.digest),
            "version": version,
            "signature_verified": False,
            "signature_status": SignatureStatus(enforcement="off"),
            "authorization_passed": True,
            "authorized_via": "forged",
        }


def approval(operator: Operator = BOB, at: datetime = LATER) -> ApprovalRecord:
    return ApprovalRecord(
        operator=operator.name,
        operator_id=operator.id,
        identity_source=operator.source,
        authorized_via="forged",
        approved_at=at,
        interface="cli",
    )
