"""Stored reports of the scanner projects and other users, with their expected results."""

import time
from dataclasses import dataclass

import pytest

from engine.domain.gate import GateStatus, ScannerFormat, Severity
from tests.scanners.scans import counts, judge, summary, vectors

PASSED, FAILED, WARNING = GateStatus.PASSED, GateStatus.FAILED, GateStatus.WARNING


@dataclass(frozen=True)
class Expected:
    """
    The content of a report, counted by other means.

    `counts` are critical, high, medium, low and unknown. `unfixed` have no fix. `blocking` ids
    block by default, `blocking_fixed` if findings without a fix are ignored.
    """

    status: GateStatus
    counts: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    unfixed: int = 0
    blocking: int = 0
    blocking_fixed: int = 0
    others: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Secrets, misconfigurations, licences and suppressed findings."""


TRIVY: dict[str, Expected | str] = {
    "analysis-model__trivy_result_0.20.0.json": Expected(FAILED, (1, 1, 1, 1, 0), 1, 2, 2),
    "django-DefectDojo__all_statuses.json": Expected(WARNING, (0, 0, 0, 8, 0), 7),
    "django-DefectDojo__kubernetes.json": (
        "the scanner printed a report about a cluster: scan the artifact itself"
    ),
    "django-DefectDojo__legacy_no_vuln.json": Expected(PASSED),
    "django-DefectDojo__legacy_trivy_mix.json": Expected(FAILED, (0, 6, 0, 0, 1), 1, 6, 6),
    "django-DefectDojo__license_scheme.json": Expected(PASSED, others=(0, 0, 19, 0)),
    "django-DefectDojo__scheme_2_many_vulns.json": Expected(FAILED, (1, 1, 3, 0, 0), 0, 2, 2),
    "django-DefectDojo__scheme_2_no_vuln.json": Expected(PASSED),
    "trivy__alpine-39-skip.golden.json": Expected(PASSED),
    "trivy__alpine-39.golden.json": Expected(FAILED, (2, 0, 4, 0, 0), 0, 1, 1),
    "trivy__cargo.lock.golden.json": Expected(PASSED),
    "trivy__centos-6.golden.json": Expected(WARNING, (0, 0, 2, 0, 0), 1),
    "trivy__debian-stretch.golden.json": Expected(WARNING, (0, 0, 4, 1, 0), 1),
    "trivy__dockerfile.golden.json": Expected(WARNING, others=(0, 1, 0, 0)),
    "trivy__fluentd-multiple-lockfiles-short.cdx.golden.json": (
        "the scanner printed a CycloneDX document: use --format json"
    ),
    "trivy__fluentd-multiple-lockfiles.golden.json": Expected(FAILED, (1, 1, 0, 1, 0), 1, 2, 2),
    "trivy__gomod.golden.json": Expected(WARNING, (0, 0, 1, 0, 2)),
    "trivy__npm-with-suppressed.golden.json": Expected(
        FAILED, (0, 1, 0, 0, 0), 0, 1, 1, (0, 0, 0, 1)
    ),
    "trivy__secrets.golden.json": Expected(WARNING, others=(2, 0, 0, 0)),
    "trivy__spring4shell-jre11.golden.json": Expected(FAILED, (1, 0, 0, 0, 0), 0, 1, 1),
    "trivy__ubuntu-gp2-x86-vm.golden.json": Expected(FAILED, (0, 1, 0, 0, 0), 1, 1, 0),
}
GRYPE: dict[str, Expected | str] = {
    "analysis-model__grype-report.json": Expected(FAILED, (0, 2, 1, 0, 0), 3, 2, 0),
    "django-DefectDojo__anchore_grype_epss_problem.json": Expected(
        FAILED, (0, 1, 0, 0, 0), 0, 1, 1
    ),
    "django-DefectDojo__check_all_fields.json": Expected(FAILED, (2, 2, 0, 1, 0), 3, 3, 2),
    "django-DefectDojo__fix_not_available.json": Expected(FAILED, (0, 1, 0, 0, 0), 1, 1, 0),
    "django-DefectDojo__issue_9618.json": Expected(FAILED, (1, 18, 13, 2, 1), 12, 7, 4),
    "django-DefectDojo__many_vulns.json": Expected(FAILED, (0, 32, 613, 788, 76), 1477, 15, 4),
    "django-DefectDojo__many_vulns4.json": Expected(FAILED, (2, 2, 5, 0, 0), 9, 4, 0),
    "django-DefectDojo__no_vuln.json": Expected(PASSED),
    "django-DefectDojo__same_cve_different_paths.json": Expected(FAILED, (1, 0, 0, 0, 0), 1, 1, 0),
    "grype__TestCycloneDxPresenterImage.golden.json": (
        "the scanner printed a CycloneDX document: use -o json"
    ),
    "grype__TestJsonDirsPresenter.golden.json": Expected(FAILED, (1, 0, 0, 1, 0), 1, 1, 0),
    "grype__TestJsonImgsPresenter.golden.json": Expected(FAILED, (1, 0, 0, 1, 0), 1, 1, 0),
    "grype__ghsa-test.json": Expected(WARNING, (0, 0, 2, 0, 0), 1),
}
CASES = [(ScannerFormat.TRIVY, *each) for each in TRIVY.items()] + [
    (ScannerFormat.GRYPE, *each) for each in GRYPE.items()
]
JUDGED = [case for case in CASES if isinstance(case[2], Expected)]
REFUSED = [case for case in CASES if isinstance(case[2], str)]


@pytest.mark.parametrize(("scanner", "table"), [("trivy", TRIVY), ("grype", GRYPE)])
def test_every_stored_report_is_in_the_table(scanner, table):
    there = {path.name for path in vectors(scanner).iterdir()}

    assert there == set(table)


@pytest.mark.requirement("FR-054")
@pytest.mark.requirement("FR-056")
@pytest.mark.requirement("FR-057")
@pytest.mark.parametrize(("scanner", "name", "expected"), JUDGED, ids=lambda case: str(case)[:60])
def test_each_stored_report_has_the_expected_result(scanner, name, expected):
    report = (vectors(scanner) / name).read_bytes()

    result = judge(report, scanner)

    assert (result.status, counts(result)) == (expected.status, expected.counts)
    assert len(summary(result).blocking_cves) == expected.blocking
    assert summary(result).ignored_unfixed == 0
    kinds = ("secrets", "misconfigurations", "licenses", "suppressed")
    assert tuple(result.details[kind] for kind in kinds) == expected.others


@pytest.mark.requirement("FR-057")
@pytest.mark.parametrize(("scanner", "name", "words"), REFUSED, ids=lambda case: str(case)[:60])
def test_a_document_that_is_not_a_report_is_rejected_by_name(scanner, name, words):
    report = (vectors(scanner) / name).read_bytes()

    result = judge(report, scanner)

    assert (result.status, result.error) == (FAILED, words)
    assert result.security_summary is None


@pytest.mark.requirement("FR-055")
@pytest.mark.parametrize(("scanner", "name", "expected"), JUDGED, ids=lambda case: str(case)[:60])
def test_findings_without_a_fix_are_counted_and_do_not_block(scanner, name, expected):
    report = (vectors(scanner) / name).read_bytes()

    result = judge(report, scanner, ignore_unfixed=True)

    found = summary(result)
    assert found.ignored_unfixed == expected.unfixed
    assert len(found.blocking_cves) == expected.blocking_fixed
    assert (result.status is FAILED) == (expected.blocking_fixed > 0)
    assert counts(result) == expected.counts


@pytest.mark.parametrize(
    ("scanner", "name"), [(scanner, name) for scanner, name, _ in CASES], ids=str
)
def test_a_report_in_the_wrong_format_never_passes(scanner, name):
    report = (vectors(scanner) / name).read_bytes()
    other = ScannerFormat.GRYPE if scanner is ScannerFormat.TRIVY else ScannerFormat.TRIVY

    result = judge(report, other)

    assert result.status is FAILED
    assert result.security_summary is None


def test_a_large_report_does_not_hang():
    report = (vectors("grype") / "django-DefectDojo__many_vulns.json").read_bytes()
    started = time.monotonic()

    result = judge(report, ScannerFormat.GRYPE, block=tuple(Severity))

    assert time.monotonic() - started < 30
    assert sum(counts(result)) == 1509
