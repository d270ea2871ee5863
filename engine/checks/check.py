"""What a check is: a judgement, and the facts it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engine.context.context import Context
from engine.context.facts import Fact
from engine.domain.finding import Finding
from engine.domain.request import Request

R = TypeVar("R", bound=Request, contravariant=True)
C = TypeVar("C", bound=Context, contravariant=True)


@dataclass(frozen=True, slots=True)
class Check(Generic[R, C]):
    """A rule. `reads` is fetched before `judge` is asked, so that judging does no I/O."""

    name: str
    judge: Callable[[R, C], Finding | tuple[Finding, ...]]
    reads: tuple[Fact[Any], ...]

    def __call__(self, request: R, context: C) -> tuple[Finding, ...]:
        found = self.judge(request, context)
        return (found,) if isinstance(found, Finding) else found


def reads(
    *facts: Fact[Any], name: str | None = None
) -> Callable[[Callable[[R, C], Finding | tuple[Finding, ...]]], Check[R, C]]:
    """Declare the facts a check judges by; its `name`, where its function is called otherwise."""
    return lambda judge: Check(name or judge.__name__, judge, facts)
