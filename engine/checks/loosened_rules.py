"""Rules that became looser are shown with the first change under them."""

from engine.checks.check import reads
from engine.context.context import Context
from engine.domain.finding import Finding, warned
from engine.domain.plan import Effect
from engine.domain.request import ChangeRequest

_NAME = "loosened rules"


@reads(Context.loosened_rules, Context.effect, name=_NAME)
def loosened_rules(_request: ChangeRequest, context: Context) -> tuple[Finding, ...]:
    """Warn about each rule of the target that is looser than at its newest change."""
    if context.effect is not Effect.CHANGE:
        return ()
    return tuple(warned(_NAME, text) for text in context.loosened_rules)
