"""A rollback does not bring back vulnerabilities that block and that the running version lacks."""

from collections.abc import Sequence

from engine.checks.check import reads
from engine.context.rollback import RollbackContext
from engine.domain.errors import GateFailedError
from engine.domain.finding import Finding, blocked, passed, warned
from engine.domain.impact.delta import unknown_findings
from engine.domain.request import RollbackRequest
from engine.domain.scan import ScanFinding
from engine.domain.waiver import waive_command
from engine.domain.waiver_parsing import narrowest_waiver

_NAME = "kept scan"
_NAMED = 5


@reads(
    RollbackContext.running_findings,
    RollbackContext.kept_findings,
    RollbackContext.worse_findings,
    name=_NAME,
)
def worse_scan(request: RollbackRequest, context: RollbackContext) -> tuple[Finding, ...]:
    """Compare the kept scans of both versions; without both, there is nothing to judge."""
    running, kept = context.running_findings, context.kept_findings
    if running is None or kept is None:
        return ()
    version, before = str(request.version), str(context.state.version)
    unknown = unknown_findings((before, running), (version, kept))
    if unknown:
        reason = f"{'; '.join(unknown)}, so {version} may be worse than {before}"
        # A bad scan of the running version must not keep it running.
        if running.truncated or context.glass:
            return (warned(_NAME, reason),)
        return (blocked(_NAME, f"{reason}. Roll back to another version", GateFailedError),)
    worse = context.worse_findings
    if not worse:
        return (passed(_NAME, f"{version} has no blocking vulnerability that {before} lacks"),)
    named = ", ".join(f"{each.id} ({each.severity}, {each.package})" for each in worse[:_NAMED])
    more = f" and {len(worse) - _NAMED} more" if len(worse) > _NAMED else ""
    reason = (
        f"{version} is worse than {before}, which {context.target} runs and which does not have "
        f"{named}{more}. Roll back to another version{_waive(worse, request.target)}"
    )
    return (blocked(_NAME, reason, GateFailedError, {"ids": [each.id for each in worse]}),)


def _waive(worse: Sequence[ScanFinding], environment: str) -> str:
    """Suggest the first waiver; nothing if a vulnerability cannot be waived."""
    keys = [narrowest_waiver(each) for each in worse]
    if keys[0] is None or None in keys:
        return ""
    many = f"each of the {len(worse)}, first" if len(worse) > 1 else "it"
    return f", or waive {many}: {waive_command(keys[0], environment)}"
