"""A version from which an environment was rolled back is promoted neither there nor further."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.checks.ballots import override_via
from engine.checks.check import reads
from engine.context.promotion import PromotionContext
from engine.context.rollback import RollbackContext
from engine.domain.errors import AuthorizationError, RolledBackError
from engine.domain.finding import Finding, blocked, passed, warned
from engine.domain.ledger import LedgerEntry
from engine.domain.plan import Effect
from engine.domain.record import RollbackRecord
from engine.domain.release_errors import QuarantinedError
from engine.domain.request import PromotionRequest, RollbackRequest
from engine.domain.state import Quarantine

_NAME = "rolled back"


@dataclass(frozen=True, slots=True)
class _Withdrawal:
    """A rollback from `version` in `environment`; `text` says who, when and why."""

    environment: str
    version: str
    text: str
    quarantined: bool

    @property
    def fact(self) -> str:
        return f"{self.environment} was rolled back from {self.version} {self.text}"

    def hint(self, version: str) -> str:
        """The way to promote `version` again, by its own content or the same."""
        place = self.environment
        if self.quarantined:
            command = f"floe platform release {self.version} --env {place} --reason …"
            return f"Approvers of {place} can release it once it is safe: {command}"
        command = f"floe platform promote {version} --to {place}"
        return f"Promote it to {place} again once it is fixed ({command})"


@reads(
    PromotionContext.effect,
    PromotionContext.source_rollbacks,
    PromotionContext.quarantines,
    name=_NAME,
)
def rolled_back(request: PromotionRequest, context: PromotionContext) -> Finding:
    """Block if the version is quarantined or the source was rolled back, unless overridden."""
    version, target = request.version, request.target
    found = tuple(_withdrawals(context))
    if not found:
        return passed(_NAME, f"{request.source} was not rolled back from {version}")
    if context.effect is not Effect.CHANGE:
        return passed(_NAME, f"{target} is not changed")
    fact = "; ".join(each.fact for each in found)
    if not request.overrides.override_rollback:
        return _refuse(request, found, fact)
    via = override_via(request.operator, context.target, context.rights)
    if not via:
        return blocked(
            "authorization",
            f"Unauthorized: Operator '{request.operator.name}' may not override this rule: {fact}. "
            f"Ask an approver of {target}",
            AuthorizationError,
            {"operator": request.operator.name, "groups": sorted(request.operator.groups)},
        )
    who, reason = request.operator.name, request.overrides.reason
    return warned(_NAME, f"{fact}. {who} overrides it (--override-rollback, {via}): {reason}")


@reads(RollbackContext.quarantines, name=_NAME)
def return_to_quarantined(
    request: RollbackRequest, context: RollbackContext
) -> tuple[Finding, ...]:
    """A return to a version that is quarantined needs the right to override that."""
    via = override_via(request.operator, context.target, context.rights)
    return tuple(_judge_return(request, name, held, via) for name, held in context.quarantines)


def _judge_return(request: RollbackRequest, place: str, held: Quarantine, via: str) -> Finding:
    who, fact = request.operator.name, f"{place} was rolled back from {held.version} {held}"
    if via:
        does = "ends its quarantine" if place == request.target else "returns to it nevertheless"
        return warned(_NAME, f"{fact}. {who} {does} ({via}): {request.reason}")
    return blocked(
        "authorization",
        f"Unauthorized: Operator '{who}' may not return to a quarantined version: {fact}. Ask an "
        f"approver of {place} to release it: floe platform release {held.version} --env {place} "
        "--reason …",
        AuthorizationError,
        {"operator": who, "groups": sorted(request.operator.groups)},
    )


@reads(RollbackContext.effect, name="quarantine")
def no_quarantine(
    request: RollbackRequest, context: RollbackContext
) -> Finding | tuple[Finding, ...]:
    """Warn approvers of a rollback that leaves its version without a quarantine."""
    left = context.state.version
    if request.quarantine or left is None or context.effect is not Effect.CHANGE:
        return ()
    fact = f"{left} is not quarantined: it can be promoted to {request.target} again"
    return warned("quarantine", f"{fact} (--no-quarantine)")


def _refuse(request: PromotionRequest, found: Sequence[_Withdrawal], fact: str) -> Finding:
    version, target, first = str(request.version), request.target, found[0]
    hints = ". ".join(each.hint(version) for each in found)
    if first.quarantined:
        same = all(each.version == version for each in found)
        held = "it" if same else f"{version}, which has the same content,"
        fact = f"{fact}. So {held} is quarantined there and in later environments"
    return blocked(
        _NAME,
        f"{fact}. {hints}. Approvers of {target} can override this: floe platform promote "
        f"{version} --to {target} --override-rollback --reason …",
        QuarantinedError if first.quarantined else RolledBackError,
        {"version": first.version, "source": request.source}
        | ({"environment": first.environment} if first.quarantined else {}),
    )


def describe_rollbacks(context: PromotionContext) -> str | None:
    """Describe the rollbacks from the version; None without one."""
    return "; ".join(each.text for each in _withdrawals(context)) or None


def _withdrawals(context: PromotionContext) -> Iterator[_Withdrawal]:
    held = dict(context.quarantines)
    for name, quarantine in held.items():
        yield _Withdrawal(name, quarantine.version, str(quarantine), quarantined=True)
    for source, entry in context.judged(context.source_rollbacks):
        text = describe_rollback(entry)
        if text and source.name not in held:
            yield _Withdrawal(source.name, str(context.version), text, quarantined=False)


def describe_rollback(entry: LedgerEntry | None) -> str | None:
    """Describe who rolled back, when and why; None without a rollback."""
    if entry is None or not isinstance(entry.record, RollbackRecord):
        return None
    record = entry.record
    return f"by {record.operator} on {record.at:%Y-%m-%d %H:%M:%S} UTC: {record.reason}"
