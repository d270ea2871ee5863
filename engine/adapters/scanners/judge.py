"""Decides the result of a scan gate from the scanner's report."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from pydantic import JsonValue, ValidationError

from engine.adapters.scanners import grype, trivy
from engine.adapters.scanners.exemptions import Exemptions, exempt
from engine.adapters.scanners.findings import ReportError, Scan, distinct
from engine.adapters.scanners.refusal import explain_refusal
from engine.domain.artifact import Digest
from engine.domain.gate import (
    Gate,
    GateResult,
    GateStatus,
    ScannerFormat,
    ScanResult,
    SecurityRules,
    SecuritySummary,
    Severity,
)
from engine.domain.scan import ScanFinding, ScanFindings, rank
from engine.domain.text import printable

MAX_REPORT_BYTES = 64 * 1024 * 1024
_READERS = {ScannerFormat.TRIVY: trivy.read, ScannerFormat.GRYPE: grype.read}
_ERROR_CHARACTERS = 500
_NAMED = 10
_LISTED = 200


def judge_report(gate: Gate, report: bytes, exit_status: int) -> GateResult:
    """
    Evaluate `report` by `gate.security`.

    FAILED if a finding blocks, the report cannot be used, or it does not explain why the scanner
    failed; WARNING for other findings; PASSED only without findings.
    """
    rules = gate.security or SecurityRules()
    if exit_status and _exits_on_eol(gate.argv):
        rules = replace(rules, block_on_eol=True)
    try:
        scan = read_report(rules.scanner_format, report)
    except ReportError as error:
        return GateResult(gate=gate.kind, status=GateStatus.FAILED, error=_line(str(error)))
    findings = distinct(scan.vulnerabilities)
    severe = [finding for finding in findings if finding.blocks(rules)]
    exemptions = exempt(severe, rules)
    blocking = exemptions.blocking
    rest = [finding for finding in findings if not finding.blocks(rules)]
    status, message = _verdict(scan, blocking, rest, rules, exemptions)
    if exit_status and status is not GateStatus.FAILED:
        status, message = _with_exit_status(scan, message, exit_status)
    document = ScanFindings(findings).encode()
    summary = _summary(findings, blocking, rules)
    return ScanResult(
        gate=gate.kind,
        status=status,
        error=message,
        details=_details(scan, rest, rules) | exemptions.details,
        security_summary=summary.model_copy(update={"findings": str(Digest.of(document))}),
        document=document,
    )


def read_report(scanner_format: ScannerFormat, report: bytes) -> Scan:
    """Parse `report`; ReportError if it is not a complete report of that scanner."""
    if len(report) > MAX_REPORT_BYTES:
        raise ReportError(f"the scanner's report is larger than {MAX_REPORT_BYTES} bytes")
    try:
        return _READERS[scanner_format](report)
    except ValidationError as error:
        raise ReportError(explain_refusal(scanner_format, report, error)) from error


def _verdict(
    scan: Scan,
    blocking: Sequence[ScanFinding],
    rest: Sequence[ScanFinding],
    rules: SecurityRules,
    exemptions: Exemptions,
) -> tuple[GateStatus, str | None]:
    others, ended = _others(scan), _ended(scan)
    exempted = "; ".join(exemptions.sentences) or None
    if blocking or (others and rules.block_on_secrets) or (ended and rules.block_on_eol):
        counted = others if rules.block_on_secrets else None
        return GateStatus.FAILED, _sentence((_headline(blocking), counted, ended, exempted))
    if rest or others or ended or exempted:
        unfixed = _ignored(rest, rules)
        ignored = f"{unfixed} without a fix ignored" if unfixed else None
        return GateStatus.WARNING, _sentence((exempted, _headline(rest), ignored, others, ended))
    return GateStatus.PASSED, None


def _with_exit_status(scan: Scan, message: str | None, exit_status: int) -> tuple[GateStatus, str]:
    """
    The result of a scanner that failed. With findings that is expected (`--exit-code`,
    `--fail-on`), and the rules decide; without findings the cause is unknown.
    """
    ending = f"the scanner ended with exit status {exit_status}"
    if scan.vulnerabilities or scan.secrets or scan.misconfigurations or scan.licenses:
        return GateStatus.WARNING, _sentence((message, ending))
    unexplained = f"{ending}, and its report does not explain it"
    return GateStatus.FAILED, _sentence((message, ending if scan.end_of_life else unexplained))


def _exits_on_eol(argv: Sequence[str]) -> bool:
    """Whether Trivy's option to fail for a distribution past its end of life is set."""
    words = [word for argument in argv for word in argument.replace("=", " ").split()]
    following = [after for word, after in pairwise(words) if word == "--exit-on-eol"]
    return any(value != "0" for value in following)


def _summary(
    findings: Sequence[ScanFinding], blocking: Sequence[ScanFinding], rules: SecurityRules
) -> SecuritySummary:
    """Counts of all findings, including ignored ones."""
    counts = Counter(finding.severity for finding in findings)
    return SecuritySummary(
        critical_count=counts[Severity.CRITICAL],
        high_count=counts[Severity.HIGH],
        medium_count=counts[Severity.MEDIUM],
        low_count=counts[Severity.LOW],
        unknown_count=counts[Severity.UNKNOWN],
        blocking_cves=_ids(blocking),
        ignored_unfixed=_ignored(findings, rules),
    )


def _details(scan: Scan, rest: Sequence[ScanFinding], rules: SecurityRules) -> dict[str, JsonValue]:
    listed: list[JsonValue] = [
        f"{finding.severity} {finding.id} {finding.package} {finding.version}".rstrip()
        for finding in rest[:_LISTED]
    ]
    return {
        "scanner_format": rules.scanner_format.value,
        "secrets": scan.secrets,
        "misconfigurations": scan.misconfigurations,
        "licenses": scan.licenses,
        "end_of_life": scan.end_of_life and printable(scan.end_of_life),
        "suppressed": scan.suppressed,
        "not_blocking": listed,
    }


def _ignored(findings: Iterable[ScanFinding], rules: SecurityRules) -> int:
    return sum(rules.ignore_unfixed and not finding.fixed for finding in findings)


def _ids(findings: Iterable[ScanFinding]) -> tuple[str, ...]:
    """The distinct ids, in the order of `findings`."""
    return tuple(dict.fromkeys(finding.id for finding in findings))


def _headline(findings: Sequence[ScanFinding]) -> str | None:
    """`2 CRITICAL, 1 HIGH: CVE-2024-1, CVE-2024-2`."""
    if not findings:
        return None
    counts = Counter(finding.severity for finding in findings)
    counted = ", ".join(f"{counts[severity]} {severity}" for severity in sorted(counts, key=rank))
    ids = _ids(findings)
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return f"{counted}: {', '.join(ids[:_NAMED])}{more}"


def _others(scan: Scan) -> str | None:
    counted = ((scan.secrets, "secret"), (scan.misconfigurations, "misconfiguration"))
    texts = [f"{count} {word}{'s' if count > 1 else ''}" for count, word in counted if count]
    return ", ".join(texts) or None


def _ended(scan: Scan) -> str | None:
    if scan.end_of_life is None:
        return None
    return f"{scan.end_of_life} gets no security updates any more (end of life)"


def _sentence(parts: Iterable[str | None]) -> str:
    return _line("; ".join(part for part in parts if part))


def _line(text: str) -> str:
    return printable(text)[:_ERROR_CHARACTERS]
