"""Lines that the answers of several commands share, and the answer of a failed command."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cli.errors import failure_lines
from cli.output import Answer
from engine.domain.artifact import Digest
from engine.domain.errors import PromotionError
from engine.domain.gate import GateKind, GateResult, GateStatus, SecuritySummary
from engine.domain.record import RegistrySync, SignatureStatus
from engine.domain.text import printable
from engine.responses.common import ErrorInfo, FindingInfo, Response

if TYPE_CHECKING:
    from engine.responses.change import ChangeResponse
    from engine.responses.freeze import FreezeResponse
    from engine.responses.promotion import PromotionResponse
    from engine.responses.rollback import RollbackResponse

    Move = PromotionResponse | RollbackResponse

_SHOWN_CVES = 10
_MARKS = {"passed": "passed", "warned": "warning", "blocked": "blocked", "skipped": "skipped"}


def failure(
    not_done: str,
    response: Response,
    error: PromotionError,
    trace_id: str,
    more: Iterable[str] = (),
) -> Answer:
    """The answer of a command that failed with `error`: `response` as JSON, `not_done` as text."""
    lines = [*failure_lines(not_done, error), *more, trace_line(trace_id)]
    return Answer(response, lines, error.exit_code, failed=True)


def exit_code(error: ErrorInfo | None) -> int:
    return error.exit_code if error else 0


def findings_lines(findings: Iterable[FindingInfo]) -> list[str]:
    return [
        f"  {printable(_MARKS.get(found.outcome, found.outcome)):8} {printable(found.check)}: "
        f"{printable(found.reason)}"
        for found in findings
    ]


def tags_lines(response: "Move") -> list[str]:
    digest = Digest(response.artifact_digest).short if response.artifact_digest else "-"
    return [f"  tag      {printable(tag)} -> {digest}" for tag in response.tags]


def refused_lines(not_done: str, response: "Move | FreezeResponse") -> list[str]:
    """Every blocker; without one (approvals are missing) the error."""
    message = [response.error.message] if response.error else []
    reasons = [found.reason for found in _blockers(response.findings)] or message
    return [f"{not_done}: {printable(reason)}" for reason in reasons]


def replaced_line(environment: str, before: str | None, version: str) -> str:
    return printable(f"  {environment}: {before or 'nothing'} → {version}")


def quarantine_lines(response: "ChangeResponse | RollbackResponse", place: str) -> list[str]:
    """Name the version that the environment `place` left, and the command that releases it."""
    if response.quarantined is None:
        return []
    release = f"floe platform release {response.quarantined} --env {place} --reason …"
    return [printable(f"  Quarantined: {response.quarantined}. To promote it again: {release}")]


def approvals_lines(response: "Move") -> list[str]:
    missing = response.approvals_missing
    return [f"Approvals needed: {missing}"] if missing else []


def blocked_lines(findings: Iterable[FindingInfo]) -> list[str]:
    return [f"BLOCKED: {printable(_expected(found))}" for found in _blockers(findings)]


def operator_line(operator: str | None, *, verified: bool) -> str:
    doubt = "" if verified else " (identity not verified)"
    return f"  Operator: {printable(operator or '')}{doubt}"


def signature_line(status: SignatureStatus | None) -> str:
    if status is None or (status.enforcement == "off" and not status.verified):
        return "  Signature: not verified (artifacts.registry.verification does not ask for it)"
    if status.verified:
        signer = status.subject if status.mode == "keyless" else status.fingerprint
        return f"  Signature verified ({status.mode}, {printable(signer or '')})"
    return f"  Signature: {printable(status.problem or 'Artifact is unsigned')}"


def registry_lines(outcomes: tuple[RegistrySync, ...]) -> list[str]:
    """The state of each secondary; the reason of a failure is among the warnings."""
    return [f"  Registry {printable(each.registry)}: {each.status}" for each in outcomes]


def gates_lines(gates: tuple[GateResult, ...]) -> list[str]:
    if not gates:
        return []
    passed = [g for g in gates if g.status in (GateStatus.PASSED, GateStatus.WARNING)]
    return [f"  Gates passed: {len(passed)} of {len(gates)}", *scan_lines(gates)]


def scan_lines(gates: tuple[GateResult, ...]) -> list[str]:
    """The counts of every scanner, also of one that passed (FR-056)."""
    scans = [(gate.gate.value, gate.security_summary) for gate in gates if gate.security_summary]
    return [f"  {name}: {_counted(summary)}" for name, summary in scans]


def output_commands(kept_as: str, gates: tuple[GateResult, ...]) -> list[str]:
    """The commands that show the whole output of failed gates."""
    return [
        f"  Output of {gate.gate.value}: floe platform changes show {kept_as} "
        f"--output-of {gate.gate.value}"
        for gate in gates
        if gate.status is GateStatus.FAILED and "output_sha256" in gate.details
    ]


def record_lines(record_id: str | None, anchor: str | None) -> list[str]:
    """The record of a committed change, and its place in the ledger."""
    return [f"  Record: {record_id}", *([f"  Anchor: {anchor}"] if anchor else [])]


def trace_line(trace_id: str) -> str:
    return f"Trace ID: {trace_id}"


def _blockers(findings: Iterable[FindingInfo]) -> list[FindingInfo]:
    return [found for found in findings if found.outcome == "blocked"]


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


def _expected(found: FindingInfo) -> str:
    """The reason of a blocker; a gate that blocks a dry run has not failed yet."""
    try:
        GateKind(found.check)
    except ValueError:
        return found.reason
    name = found.check.replace("_", " ").capitalize()
    return f"{name} gate would fail: {found.reason}"
