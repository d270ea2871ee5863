"""Ledgers to audit, and how what was found is told apart."""

from collections.abc import Iterable
from dataclasses import replace

from engine.api import Engine
from engine.audit.head_verifier import InMemoryHeads
from engine.domain.audit import EnvironmentAudit, Remark
from engine.domain.request import LockRequest, UnlockRequest
from engine.domain.result import Ending
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import ALICE, TRACE_ID, Told, promote


def promotions(place: Place, engine: Engine, last: int = 5, first: int = 1) -> None:
    """v1.0.<first> to v1.0.<last> come from the build and are promoted to staging, one by one."""
    for number in range(first, last + 1):
        place.push(image(f"artifact {number}".encode()), f"v1.0.{number}-dev")
        assert promote(engine, f"v1.0.{number}", "staging").outcome is Ending.PROMOTED


def lock(engine: Engine, reason: str = "freeze") -> None:
    result = engine.run(LockRequest("staging", ALICE, TRACE_ID, reason), Told())
    assert result.outcome is Ending.LOCKED


def unlock(engine: Engine) -> None:
    result = engine.run(UnlockRequest("staging", ALICE, TRACE_ID, "over"), Told())
    assert result.outcome is Ending.UNLOCKED


def audit(engine: Engine, environment: str = "staging") -> EnvironmentAudit:
    return engine.verify(environment, Told()).environments[0]


def stranger_audit(engine: Engine, environment: str = "staging") -> EnvironmentAudit:
    """The same by somebody who never saw these ledgers before."""
    return audit(replace(engine, heads=InMemoryHeads()), environment)


def named(remarks: Iterable[Remark]) -> list[tuple[str, int | str | None]]:
    """Each remark by its kind and its tag, else its place."""
    return [(remark.kind.value, remark.tag or remark.sequence) for remark in remarks]


def said(found: EnvironmentAudit) -> str:
    return "\n".join(remark.message for remark in (*found.problems, *found.notes))
