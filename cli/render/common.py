"""What the answers to all requests have in common, as JSON and as lines."""

from cli.render.told import ToldAnswer, ToldFinding, ToldMove
from engine.domain.gate import GateKind, GateResult, SecuritySummary
from engine.domain.record import RegistrySync, SignatureStatus
from engine.domain.text import printable

_SHOWN_CVES = 10
_MARKS = {"passed": "passed", "warned": "warning", "blocked": "blocked", "skipped": "skipped"}


def findings_lines(told: ToldAnswer) -> list[str]:
    return [
        f"  {printable(_MARKS.get(found.outcome, found.outcome)):8} {printable(found.check)}: "
        f"{printable(found.reason)}"
        for found in told.findings
    ]


def tags_lines(told: ToldMove) -> list[str]:
    digest = told.artifact_digest.short if told.artifact_digest else "-"
    return [f"  tag      {printable(tag)} -> {digest}" for tag in told.tags]


def refused_lines(not_done: str, told: ToldAnswer) -> list[str]:
    """Every blocker; what is not a finding (approvals that are missing) is in the error."""
    said = [told.error.message] if told.error else []
    reasons = [found.reason for found in told.blockers] or said
    return [f"{not_done}: {printable(reason)}" for reason in reasons]


def approvals_lines(told: ToldMove) -> list[str]:
    return [f"Approvals needed: {told.approvals_missing}"] if told.approvals_missing else []


def blocked_lines(told: ToldAnswer) -> list[str]:
    return [f"BLOCKED: {printable(_would(found))}" for found in told.blockers]


def operator_line(operator: str, *, verified: bool) -> str:
    return f"  Operator: {printable(operator)}{'' if verified else ' (identity not verified)'}"


def signature_line(status: SignatureStatus | None) -> str:
    if status is None or (status.enforcement == "off" and not status.verified):
        return "  Signature: not verified (artifacts.registry.verification does not ask for it)"
    if status.verified:
        signer = status.subject if status.mode == "keyless" else status.fingerprint
        return f"  Signature verified ({status.mode}, {printable(signer or '')})"
    return f"  Signature: {printable(status.problem or 'Artifact is unsigned')}"


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


def _would(found: ToldFinding) -> str:
    """A gate that blocks a dry run has not failed anything yet."""
    if found.check not in set(GateKind):
        return found.reason
    name = found.check.replace("_", " ").capitalize()
    return f"{name} gate would fail: {found.reason}"
