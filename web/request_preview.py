"""The preview of a request on the page: its plan, and the exceptions that a person may make."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.domain.errors import ConflictError, OlderVersionError, RolledBackError
from engine.domain.finding import Finding
from engine.domain.overrides import used_overrides
from engine.domain.plan import Effect, Plan
from engine.domain.request import PromotionRequest

# The fields of the form, which are those of `Overrides`, and the rules that they override.
EXCEPTIONS = {"allow_older": "version order", "override_rollback": "rolled back"}
_OVERRIDABLE = (OlderVersionError, RolledBackError)


@dataclass(frozen=True)
class Preview:
    """
    The plan of a request that is not sent yet; `breakable` if an incident skips its blockers, and
    `rules` is the digest of the rules that count. See `offered_exceptions` for `offered`.
    """

    plan: Plan
    breakable: bool
    rules: str
    offered: tuple[str, ...]

    @property
    def seen(self) -> dict[str, str]:
        """The fields of the form that must still be true when the request arrives."""
        running = self.plan.previous.digest if self.plan.previous else ""
        return {"running": running, "artifact": artifact_of(self.plan), "rules": self.rules}

    @property
    def exceptions(self) -> tuple[str, ...]:
        """The fields of the exceptions that the request asks for and needs."""
        wanted = self.plan.request
        if not isinstance(wanted, PromotionRequest):
            return ()
        rules = [each.rule for each in used_overrides(wanted.overrides, self.plan.findings)]
        return tuple(field for field, rule in EXCEPTIONS.items() if rule in rules)

    @property
    def returns(self) -> bool:
        """Whether the version ran there before, so only a rollback brings it back."""
        rule = EXCEPTIONS["allow_older"]
        return any(b.check == rule and b.error is ConflictError for b in self.plan.blockers)

    @property
    def nothing(self) -> bool:
        """Whether the version runs already."""
        return self.plan.effect is Effect.NOTHING and not self.plan.error

    @property
    def ready(self) -> bool:
        return not (self.nothing or self.plan.error)


def artifact_of(plan: Plan) -> str:
    """Return the digest of the planned artifact; empty if it is not known."""
    return str(plan.manifest.digest) if plan.manifest else ""


def offered_exceptions(plan: Plan, may_override: Callable[[], bool]) -> tuple[str, ...]:
    """
    Name the fields of the exceptions without which `plan` is blocked.

    None if another rule blocks it too, or the person may not make each of them: `may_override`
    says whether they may promote a version despite a rollback.
    """
    fields = tuple(map(_exception_from, plan.blockers))
    if not all(fields) or ("override_rollback" in fields and not may_override()):
        return ()
    return fields


def _exception_from(blocker: Finding) -> str:
    """Return the field of the exception from the rule of `blocker`; empty if there is none."""
    if blocker.error is None or not issubclass(blocker.error, _OVERRIDABLE):
        return ""
    return next((field for field, rule in EXCEPTIONS.items() if rule == blocker.check), "")
