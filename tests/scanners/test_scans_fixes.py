"""Findings without a fix: counted, shown, and not blocking if configured."""

import pytest

from engine.domain.gate import GateStatus
from tests.scanners.scans import (
    GRYPE,
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


@pytest.mark.requirement("FR-055")
@pytest.mark.parametrize(
    ("name", "scanner", "unfixed"), [("trivy-mixed", TRIVY, 5), ("grype-mixed", GRYPE, 6)]
)
def test_ignored_findings_without_a_fix_do_not_block(name, scanner, unfixed):
    result = judge(sample_report(name), scanner, ignore_unfixed=True)

    assert result.error == "1 CRITICAL: CVE-2026-0001"
    assert summary(result).blocking_cves == ("CVE-2026-0001",)
    assert summary(result).ignored_unfixed == unfixed


@pytest.mark.requirement("FR-055")
def test_report_whose_findings_are_all_ignored_is_a_warning():
    report = trivy(vulnerability(Severity="CRITICAL", Status="will_not_fix"))

    result = judge(report, ignore_unfixed=True)

    assert result.status is GateStatus.WARNING
    assert result.error == "1 CRITICAL: CVE-1; 1 without a fix ignored"
    assert counts(result) == (1, 0, 0, 0, 0)


@pytest.mark.requirement("FR-055")
def test_fixes_in_reports_of_old_grype_versions_are_read():
    result = judge(sample_report("grype-old"), GRYPE, ignore_unfixed=True)

    assert summary(result).blocking_cves == ("CVE-2026-0001",)
    assert summary(result).ignored_unfixed == 1


@pytest.mark.requirement("FR-055")
@pytest.mark.parametrize(
    ("fields", "fixed"),
    [
        ({}, False),
        ({"FixedVersion": ""}, False),
        ({"Status": "affected"}, False),
        ({"Status": "unknown"}, False),
        ({"Status": "not_affected"}, False),
        ({"Status": "under_investigation"}, False),
        ({"Status": "will_not_fix"}, False),
        ({"Status": "fix_deferred"}, False),
        ({"Status": "end_of_life"}, False),
        ({"Status": "fixed"}, True),
        ({"FixedVersion": "2", "Status": "affected"}, True),
        ({"FixedVersion": "2"}, True),
        ({"Status": "a new word"}, True),
    ],
)
def test_trivy_fixes_are_read_from_version_or_status(fields, fixed):
    report = trivy(vulnerability(Severity="HIGH", **fields))

    result = judge(report, ignore_unfixed=True)

    assert (result.status is GateStatus.FAILED) == fixed


@pytest.mark.requirement("FR-055")
@pytest.mark.parametrize(
    ("fields", "fixed"),
    [
        ({}, False),
        ({"fix": None}, False),
        ({"fix": {}}, False),
        ({"fix": {"state": ""}}, False),
        ({"fix": {"state": None, "versions": None}}, False),
        ({"fix": {"state": "unknown", "versions": []}}, False),
        ({"fix": {"state": "not-fixed", "versions": []}}, False),
        ({"fix": {"state": "wont-fix", "versions": []}}, False),
        ({"fix": {"state": "wont-fix", "versions": ["2"]}}, True),
        ({"fix": {"state": "fixed", "versions": []}}, True),
        ({"fix": {"state": "a new word", "versions": []}}, True),
        ({"fixedInVersion": "2"}, True),
        ({"fixedInVersion": None}, False),
    ],
)
def test_grype_fixes_are_read_from_versions_or_state(fields, fixed):
    report = grype(match(severity="High", **fields))

    result = judge(report, GRYPE, ignore_unfixed=True)

    assert (result.status is GateStatus.FAILED) == fixed


@pytest.mark.requirement("FR-055")
def test_finding_with_a_fix_in_one_of_two_packages_blocks():
    report = trivy(
        vulnerability(Severity="HIGH", Status="affected"),
        vulnerability(Severity="HIGH", package="readline", FixedVersion="8"),
    )

    result = judge(report, ignore_unfixed=True)

    assert result.error == "1 HIGH: CVE-1"
    assert summary(result).ignored_unfixed == 1
