"""What a check is: a judgement, and the facts it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.context import Context
from engine.domain.finding import Finding
from engine.domain.request import Request
from engine.facts import Fact

Judge = Callable[[Request, Context], Finding | tuple[Finding, ...]]


@dataclass(frozen=True, slots=True)
class Check:
    """A rule. `reads` is fetched before `judge` is asked, so that judging does no I/O."""

    name: str
    judge: Judge
    reads: tuple[Fact[Any], ...]

    def __call__(self, request: Request, context: Context) -> tuple[Finding, ...]:
        found = self.judge(request, context)
        return (found,) if isinstance(found, Finding) else found


def reads(*facts: Fact[Any]) -> Callable[[Judge], Check]:
    """Declare the facts a check judges by."""
    return lambda judge: Check(judge.__name__, judge, facts)
