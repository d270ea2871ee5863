"""Shorthands for rollbacks, locks and unlocks in scenarios."""

from engine.api import Engine
from engine.domain.operator import Operator
from engine.domain.parsing import (
    parse_lock_request,
    parse_release_request,
    parse_rollback_request,
    parse_unlock_request,
)
from engine.domain.record import LockRecord, RefusalRecord, RollbackRecord, UnlockRecord
from engine.domain.request import LockRequest, RollbackRequest, UnlockRequest
from engine.domain.result import Result
from tests.builders import Artifact, image
from tests.conftest import Place
from tests.scenarios.engines import ALICE, TRACE_ID, ProgressLog, promote

REASON = "INC-42: 5xx since the release"


def build_and_promote(
    place: Place, engine: Engine, *versions: str, operator: Operator = ALICE
) -> None:
    """Build every version and promote it to staging, in this order."""
    for version in versions:
        place.push(artifact(version), f"{version}-dev")
        assert promote(engine, version, "staging", operator).error is None


def artifact(version: str) -> Artifact:
    return image(version.encode())


def rollback_request(
    engine: Engine, version: str, target: str = "staging", operator: Operator = ALICE
) -> RollbackRequest:
    return parse_rollback_request(engine.path, version, target, operator, TRACE_ID, REASON)


def roll_back(
    engine: Engine, version: str, target: str = "staging", operator: Operator = ALICE
) -> Result:
    return engine.run(rollback_request(engine, version, target, operator), ProgressLog())


def release(
    engine: Engine, version: str, target: str = "staging", operator: Operator = ALICE
) -> Result:
    request = parse_release_request(engine.path, target, operator, TRACE_ID, version, REASON)
    return engine.run(request, ProgressLog())


def lock_request(
    engine: Engine,
    target: str = "staging",
    operator: Operator = ALICE,
    duration: str | None = None,
    reason: str = "INC-1",
) -> LockRequest:
    return parse_lock_request(engine.path, target, operator, TRACE_ID, reason, duration)


def lock(
    engine: Engine,
    target: str = "staging",
    operator: Operator = ALICE,
    duration: str | None = None,
) -> Result:
    return engine.run(lock_request(engine, target, operator, duration), ProgressLog())


def unlock_request(
    engine: Engine, target: str = "staging", operator: Operator = ALICE
) -> UnlockRequest:
    return parse_unlock_request(engine.path, target, operator, TRACE_ID, "INC-1 is over")


def unlock(engine: Engine, target: str = "staging", operator: Operator = ALICE) -> Result:
    return engine.run(unlock_request(engine, target, operator), ProgressLog())


def rollback_of(result: Result) -> RollbackRecord:
    """Return the record of the rollback, which must have taken effect."""
    assert result.error is None
    assert isinstance(result.record, RollbackRecord)
    return result.record


def lock_of(result: Result) -> LockRecord:
    assert result.error is None
    assert isinstance(result.record, LockRecord)
    return result.record


def unlock_of(result: Result) -> UnlockRecord:
    assert result.error is None
    assert isinstance(result.record, UnlockRecord)
    return result.record


def kinds(engine: Engine, environment: str = "staging") -> list[str]:
    """Return the kinds of records in the ledger, oldest first."""
    return [entry.record.kind for entry in reversed(engine.history(environment, 100))]


def refusals_of(engine: Engine, environment: str = "prod") -> list[RefusalRecord]:
    """Return the recorded refusals, oldest first."""
    records = [entry.record for entry in reversed(engine.history(environment, 200))]
    return [record for record in records if isinstance(record, RefusalRecord)]
