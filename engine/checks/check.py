"""The type of a check: a rule, and the facts that it needs."""

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
    """A rule. The facts in `reads` are fetched before `judge` is called, which does no I/O."""

    name: str
    judge: Callable[[R, C], Finding | tuple[Finding, ...]]
    reads: tuple[Fact[Any], ...]

    def __call__(self, request: R, context: C) -> tuple[Finding, ...]:
        found = self.judge(request, context)
        return (found,) if isinstance(found, Finding) else found


def reads(
    *facts: Fact[Any], name: str | None = None
) -> Callable[[Callable[[R, C], Finding | tuple[Finding, ...]]], Check[R, C]]:
    """Declare the facts that a check needs, and its `name` if it differs from the function's."""
    return lambda judge: Check(name or judge.__name__, judge, facts)
