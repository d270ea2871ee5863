"""Put a request through its checks."""

from collections.abc import Sequence
from typing import Any, TypeVar

from engine.checks.check import Check
from engine.context.context import Context
from engine.context.facts import Fact
from engine.domain.finding import Finding, skipped
from engine.domain.request import Request

R = TypeVar("R", bound=Request)
C = TypeVar("C", bound=Context)

NOT_RUN = "not run: already blocked"


def judge_policy(
    request: R, context: C, checks: Sequence[Check[R, C]], also: Sequence[Fact[Any]] = ()
) -> tuple[Finding, ...]:
    """
    Every policy check, on facts fetched side by side together with those in `also`.

    Policy is cheap and depends on the world: people see all that is in the way at once, and the
    same is judged again at the moment of writing.
    """
    context.fetch([*(fact for check in checks for fact in check.reads), *also])
    return tuple(finding for check in checks for finding in check(request, context))


def judge_evidence(
    request: R,
    context: C,
    checks: Sequence[Check[R, C]],
    blocked: bool,
    beside: Sequence[Fact[Any]] = (),
) -> tuple[Finding, ...]:
    """
    Evidence about the artifact, one check after the other for as long as nothing blocks. The facts
    `beside` them are read together with those of the first check.

    It is slow, and gates must not run commands on an artifact whose signature was refused.
    """
    findings: list[Finding] = []
    if beside and not blocked:
        context.fetch([*beside, *checks[0].reads])
    for check in checks:
        if blocked:
            findings.append(skipped(check.name, NOT_RUN))
            continue
        context.fetch(check.reads)
        found = check(request, context)
        findings.extend(found)
        blocked = any(finding.blocks for finding in found)
    return tuple(findings)
