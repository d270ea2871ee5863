"""Scan rules: findings that block, warn or are only counted."""

import os
import shutil

import pytest

from engine.adapters.gates import CommandGates
from engine.adapters.scanners import judge_report
from engine.domain.gate import GateKind, GateStatus, SecurityRules, Severity
from tests.gates.gates import SUBJECT, ProgressLog, gate
from tests.scanners.scans import (
    GRYPE,
    REPORTS,
    TRIVY,
    counts,
    grype,
    judge,
    match,
    sample_report,
    summary,
    trivy,
    vulnerability,
)

UNKNOWN, LOW, MEDIUM = Severity.UNKNOWN, Severity.LOW, Severity.MEDIUM
HIGH, CRITICAL = Severity.HIGH, Severity.CRITICAL


@pytest.mark.requirement("FR-054")
@pytest.mark.requirement("FR-056")
@pytest.mark.requirement("FR-057")
@pytest.mark.parametrize(
    ("name", "scanner", "expected"),
    [
        ("trivy-mixed", TRIVY, (1, 1, 1, 1, 2)),
        ("grype-mixed", GRYPE, (1, 1, 1, 2, 2)),
    ],
)
def test_critical_and_high_block_by_default_and_are_named(name, scanner, expected):
    result = judge(sample_report(name), scanner)

    assert result.status is GateStatus.FAILED
    assert result.error == "1 CRITICAL, 1 HIGH: CVE-2026-0001, CVE-2026-0002"
    assert counts(result) == expected
    assert summary(result).blocking_cves == ("CVE-2026-0001", "CVE-2026-0002")
    assert summary(result).ignored_unfixed == 0


@pytest.mark.requirement("FR-054")
def test_findings_that_do_not_block_are_listed_in_a_warning():
    result = judge(sample_report("trivy-mixed"), block=[])

    assert result.status is GateStatus.WARNING
    assert result.error == (
        "1 CRITICAL, 1 HIGH, 1 MEDIUM, 1 LOW, 2 UNKNOWN: CVE-2026-0001, CVE-2026-0002, "
        "CVE-2026-0003, CVE-2026-0004, CVE-2026-0006, GMS-2026-5"
    )
    assert result.details["not_blocking"][:2] == [
        "CRITICAL CVE-2026-0001 libssl1.1 1.1.1d",
        "HIGH CVE-2026-0002 bash 5.0-4",
    ]


@pytest.mark.requirement("FR-054")
@pytest.mark.parametrize(
    ("name", "scanner"),
    [("trivy-clean", TRIVY), ("grype-clean", GRYPE)],
)
def test_only_a_report_without_findings_passes(name, scanner):
    result = judge(sample_report(name), scanner)

    assert (result.status, result.error) == (GateStatus.PASSED, None)
    assert counts(result) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("report", [b"null", b" null\n", b"[]", b'[{"Target": "acme"}]'])
def test_the_list_of_old_trivys_may_be_empty(report):
    result = judge(report)

    assert result.status is GateStatus.PASSED


@pytest.mark.requirement("FR-057")
def test_the_list_of_old_trivys_is_read():
    result = judge(sample_report("trivy-old-list"), block=[UNKNOWN, HIGH])

    assert counts(result) == (0, 1, 0, 0, 1)
    assert summary(result).blocking_cves == ("CVE-2026-0008", "(no id) simplito/elliptic-php")


@pytest.mark.parametrize("severity", [None, "", "UNKNOWN", "Unknown"])
def test_a_missing_severity_is_unknown(severity):
    of_trivy = judge(trivy(vulnerability(Severity=severity)))
    of_grype = judge(grype(match(severity=severity)), GRYPE)

    assert counts(of_trivy) == counts(of_grype) == (0, 0, 0, 0, 1)


@pytest.mark.requirement("FR-056")
def test_the_same_id_in_the_same_package_counts_once_at_its_worst():
    report = trivy(
        vulnerability(Severity="LOW", FixedVersion="6"),
        vulnerability(Severity="CRITICAL"),
        vulnerability(Severity="MEDIUM"),
    )

    result = judge(report, ignore_unfixed=True)

    assert counts(result) == (1, 0, 0, 0, 0)
    assert result.error == "1 CRITICAL: CVE-1"


def test_a_repeated_id_blocks_if_one_severity_blocks():
    report = trivy(vulnerability(Severity="UNKNOWN"), vulnerability(Severity="LOW"))

    result = judge(report, block=[UNKNOWN])

    assert result.error == "1 LOW: CVE-1"
    assert counts(result) == (0, 0, 0, 1, 0)


@pytest.mark.requirement("FR-056")
def test_the_same_id_in_another_package_or_version_counts_again_and_is_named_once():
    report = grype(
        match(severity="High"),
        match(severity="High", package="readline"),
        match(severity="High", version="4"),
        match(severity="High", version=None),
    )

    result = judge(report, GRYPE)

    assert result.error == "4 HIGH: CVE-1"


@pytest.mark.requirement("FR-056")
def test_blocking_ids_are_sorted_by_severity_then_id():
    report = trivy(
        vulnerability("CVE-3", Severity="HIGH"),
        vulnerability("CVE-2", Severity="CRITICAL"),
        vulnerability("CVE-1", Severity="HIGH"),
        vulnerability("CVE-4", Severity="CRITICAL"),
    )

    result = judge(report)

    assert summary(result).blocking_cves == ("CVE-2", "CVE-4", "CVE-1", "CVE-3")


@pytest.mark.requirement("FR-056")
def test_ids_beyond_ten_are_only_counted():
    many = [vulnerability(f"CVE-{number:02}", Severity="HIGH") for number in range(13)]

    result = judge(trivy(*many))

    assert result.error.startswith("13 HIGH: CVE-00, CVE-01, ")
    assert result.error.endswith("CVE-09 and 3 more")
    assert len(summary(result).blocking_cves) == 13


@pytest.mark.requirement("FR-054")
@pytest.mark.parametrize(
    ("severity", "blocked"),
    [("CRITICAL", True), ("HIGH", True), ("MEDIUM", True), ("LOW", False), ("UNKNOWN", False)],
)
def test_severities_worse_than_a_blocking_one_block(severity, blocked):
    result = judge(trivy(vulnerability(Severity=severity)), block=[MEDIUM])

    assert (result.status is GateStatus.FAILED) == blocked


def test_unknown_blocks_only_if_configured():
    unknown = judge(trivy(vulnerability(Severity="UNKNOWN")), block=[CRITICAL, UNKNOWN])
    medium = judge(trivy(vulnerability(Severity="MEDIUM")), block=[CRITICAL, UNKNOWN])

    assert unknown.error == "1 UNKNOWN: CVE-1"
    assert medium.status is GateStatus.WARNING


def test_secrets_and_misconfigurations_are_counted_and_shown():
    result = judge(sample_report("trivy-others"))

    assert result.status is GateStatus.WARNING
    assert result.error == "2 secrets, 1 misconfiguration"
    found = {kind: result.details[kind] for kind in ("secrets", "misconfigurations")}
    assert found == {"secrets": 2, "misconfigurations": 1}
    assert (result.details["licenses"], result.details["suppressed"]) == (1, 1)


def test_secrets_and_misconfigurations_block_if_configured():
    result = judge(sample_report("trivy-others"), block_on_secrets=True)

    assert (result.status, result.error) == (GateStatus.FAILED, "2 secrets, 1 misconfiguration")
    assert summary(result).blocking_cves == ()


def test_findings_that_do_not_block_are_not_in_the_error():
    report = trivy(vulnerability(Severity="HIGH"), Secrets=[{"RuleID": "aws"}])

    result = judge(report)

    assert result.error == "1 HIGH: CVE-1"
    assert result.details["secrets"] == 1


def test_licences_are_counted_and_block_nothing():
    report = trivy(Licenses=[{"Name": "MIT", "Severity": "LOW"}])

    result = judge(report, block_on_secrets=True)

    assert result.status is GateStatus.PASSED
    assert result.details["licenses"] == 1


def test_matches_ignored_by_grype_are_counted():
    result = judge(sample_report("grype-mixed"), GRYPE)

    assert result.details["suppressed"] == 1


def test_the_error_is_a_line_of_bounded_length():
    long = [vulnerability(f"CVE-{number}-{'9' * 200}", Severity="HIGH") for number in range(10)]

    result = judge(trivy(*long))

    assert len(result.error) == 500


def test_control_characters_of_a_report_are_escaped_in_the_error():
    result = judge(trivy(vulnerability("CVE-1\n\x1b[31m", Severity="HIGH")))

    assert result.error == "1 HIGH: CVE-1\\n\\x1b[31m"


@pytest.mark.requirement("FR-057")
@pytest.mark.parametrize("ending", [0, 1])
def test_a_scan_gate_is_judged_by_its_report(tmp_path, ending):
    shutil.copy(REPORTS / "trivy-mixed.json", tmp_path / "report.json")
    scanner = gate(
        *("sh", "-c", f"cat report.json; exit {ending}"),
        kind=GateKind.SECURITY_SCAN,
        security=SecurityRules(),
    )

    runner = CommandGates(tmp_path, os.environ, judge=judge_report)
    (result,) = runner.run((scanner,), SUBJECT, ProgressLog())

    assert result.status is GateStatus.FAILED
    assert result.error == "1 CRITICAL, 1 HIGH: CVE-2026-0001, CVE-2026-0002"
    assert result.details["exit_status"] == ending
