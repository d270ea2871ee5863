"""What the answers to all requests have in common, as JSON of spec 18 and as lines."""

from engine.domain.finding import Finding, Outcome
from engine.domain.gate import GateKind, GateResult, SecuritySummary
from engine.domain.plan import Plan
from engine.domain.record import PromotionRecord, Record, RegistrySync, RollbackRecord
from engine.domain.result import Result
from engine.domain.text import printable

_SHOWN_CVES = 10
_MARKS = {
    Outcome.PASSED: "passed",
    Outcome.WARNED: "warning",
    Outcome.BLOCKED: "blocked",
    Outcome.SKIPPED: "skipped",
}


def findings_lines(plan: Plan) -> list[str]:
    return [f"  {_MARKS[f.outcome]:8} {f.check}: {printable(f.reason)}" for f in plan.findings]


def tags_lines(plan: Plan) -> list[str]:
    return [f"  tag      {write.tag} -> {write.digest.short}" for write in plan.writes]


def refused_lines(not_done: str, result: Result) -> list[str]:
    """Every blocker; what is not a finding (approvals that are missing) is in the error."""
    reasons = [finding.reason for finding in result.plan.blockers] or [str(result.error)]
    return [f"{not_done}: {printable(reason)}" for reason in reasons]


def blocked_lines(plan: Plan) -> list[str]:
    return [f"BLOCKED: {printable(_would(finding))}" for finding in plan.blockers]


def warned_lines(warnings: tuple[str, ...]) -> list[str]:
    return [f"WARNING: {printable(warning)}" for warning in warnings]


def operator_line(record: Record) -> str:
    unsure = "" if record.identity_verified else " (identity not verified)"
    return f"  Operator: {printable(record.operator)}{unsure}"


def signature_line(record: PromotionRecord | RollbackRecord) -> str:
    status = record.signature_status
    if record.signature_verified:
        signer = status.subject if status.mode == "keyless" else status.fingerprint
        return f"  Signature verified ({status.mode}, {printable(signer or '')})"
    if status.enforcement == "off":
        return "  Signature: not verified (artifacts.registry.verification is not configured)"
    return f"  WARNING: {printable(status.problem or 'Artifact is unsigned')}"


def registry_lines(outcomes: tuple[RegistrySync, ...]) -> list[str]:
    """How the secondaries ended up; why one failed is among the warnings."""
    return [f"  Registry {printable(each.registry)}: {each.status}" for each in outcomes]


def scan_lines(gates: tuple[GateResult, ...]) -> list[str]:
    """What scanners counted, however it was judged (FR-056)."""
    scans = [(gate.gate.value, gate.security_summary) for gate in gates if gate.security_summary]
    return [f"  {name}: {_counted(summary)}" for name, summary in scans]


def _counted(summary: SecuritySummary) -> str:
    counts = (
        f"{summary.critical_count} critical, {summary.high_count} high, "
        f"{summary.medium_count} medium, {summary.low_count} low, {summary.unknown_count} unknown"
    )
    ignored = (
        f"; {summary.ignored_unfixed} without a fix ignored" if summary.ignored_unfixed else ""
    )
    blocking = summary.blocking_cves
    shown = ", ".join(map(printable, blocking[:_SHOWN_CVES]))
    more = f" and {len(blocking) - _SHOWN_CVES} more" if len(blocking) > _SHOWN_CVES else ""
    return counts + ignored + (f"; blocking: {shown}{more}" if blocking else "")


def trace_line(trace_id: str) -> str:
    return f"Trace ID: {trace_id}"


def _would(finding: Finding) -> str:
    """A gate that blocks a dry run has not failed anything yet."""
    if finding.check not in set(GateKind):
        return finding.reason
    name = finding.check.replace("_", " ").capitalize()
    return f"{name} gate would fail: {finding.reason}"
