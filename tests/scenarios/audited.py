"""Ledgers for audit tests, and short forms of findings."""

from collections.abc import Iterable

from engine.api import Engine
from engine.domain.audit import EnvironmentAudit, Remark
from engine.domain.request import LockRequest, UnlockRequest
from engine.domain.result import Ending
from engine.ports.state import InMemoryHeads
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import ALICE, TRACE_ID, ProgressLog, promote, with_parts


def promote_versions(place: Place, engine: Engine, last: int = 5, first: int = 1) -> None:
    """Build v1.0.<first> to v1.0.<last> and promote each to staging."""
    for number in range(first, last + 1):
        place.push(image(f"artifact {number}".encode()), f"v1.0.{number}-dev")
        assert promote(engine, f"v1.0.{number}", "staging").outcome is Ending.PROMOTED


def lock(engine: Engine, reason: str = "freeze") -> None:
    result = engine.run(LockRequest("staging", ALICE, TRACE_ID, reason), ProgressLog())
    assert result.outcome is Ending.LOCKED


def unlock(engine: Engine) -> None:
    result = engine.run(UnlockRequest("staging", ALICE, TRACE_ID, "over"), ProgressLog())
    assert result.outcome is Ending.UNLOCKED


def audit(engine: Engine, environment: str = "staging", *, full: bool = False) -> EnvironmentAudit:
    return engine.verify(environment, ProgressLog(), full=full).environments[0]


def stranger_audit(
    engine: Engine, environment: str = "staging", *, full: bool = False
) -> EnvironmentAudit:
    """Audit without known heads, as a new client."""
    return audit(with_parts(engine, heads=InMemoryHeads()), environment, full=full)


def summarize(remarks: Iterable[Remark]) -> list[tuple[str, int | str | None]]:
    """Return the kind of each remark with its tag, or else its place."""
    return [(remark.kind.value, remark.tag or remark.sequence) for remark in remarks]


def messages(found: EnvironmentAudit) -> str:
    return "\n".join(remark.message for remark in (*found.problems, *found.notes))
