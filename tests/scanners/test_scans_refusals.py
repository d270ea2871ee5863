"""Output that is not a report fails the gate, with the reason."""

import json

import pytest

from engine.adapters.scanners import judge_report
from engine.domain.gate import Gate, GateKind, GateStatus, ScannerFormat, SecurityRules
from tests.scanners.scans import (
    GRYPE,
    TRIVY,
    grype,
    judge,
    match,
    sample_report,
    trivy,
    vulnerability,
)

FLAG = {TRIVY: "--format json", GRYPE: "-o json"}


@pytest.mark.requirement("FR-057")
@pytest.mark.parametrize("scanner", list(ScannerFormat))
@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("cyclonedx", "a CycloneDX document"),
        ("spdx", "an SPDX document"),
        ("spdx-3", "an SPDX document"),
        ("sarif", "a SARIF log"),
        ("github", "a GitHub dependency snapshot"),
    ],
)
def test_a_document_of_another_format_is_rejected_by_name(scanner, name, printed):
    result = judge(sample_report(name), scanner)

    assert result.status is GateStatus.FAILED
    assert result.error == f"the scanner printed {printed}: use {FLAG[scanner]}"
    assert result.security_summary is None


@pytest.mark.requirement("FR-057")
@pytest.mark.parametrize("scanner", list(ScannerFormat))
@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("operator", "a VulnerabilityReport resource of a cluster"),
        ("cluster-summary", "a report about a cluster"),
    ],
)
def test_a_report_about_a_cluster_is_rejected_by_name(scanner, name, printed):
    result = judge(sample_report(name), scanner)

    assert result.error == f"the scanner printed {printed}: scan the artifact itself"


@pytest.mark.requirement("FR-057")
@pytest.mark.parametrize(
    ("name", "scanner", "words"),
    [
        (
            "grype-clean",
            TRIVY,
            "the scanner printed a Grype report and scanner_format is trivy: "
            "set scanner_format: grype",
        ),
        (
            "trivy-clean",
            GRYPE,
            "the scanner printed a Trivy report and scanner_format is grype: "
            "set scanner_format: trivy",
        ),
        (
            "trivy-old-list",
            GRYPE,
            "the scanner printed JSON that is not a Grype report: use -o json, "
            "and set scanner_format to the scanner",
        ),
    ],
)
def test_a_report_of_the_other_scanner_is_rejected_by_name(name, scanner, words):
    result = judge(sample_report(name), scanner)

    assert (result.status, result.error) == (GateStatus.FAILED, words)


@pytest.mark.requirement("FR-057")
@pytest.mark.parametrize("scanner", list(ScannerFormat))
@pytest.mark.parametrize(
    ("report", "words"),
    [
        (b"", "the scanner printed nothing"),
        (b" \n\t", "the scanner printed nothing"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8 text (byte 0)"),
        (
            b'{"SchemaVersion": 2, "ArtifactType": "vm", "matches": [], "Title": "\xff"}',
            "not UTF-8 text (byte ",
        ),
        (b"Report Summary\n", "something that is not JSON"),
        (b"nothing", "something that is not JSON"),
        (b'{"matches": []} {"matches": []}', "something that is not JSON"),
        (b'\xef\xbb\xbf{"matches": []}', "something that is not JSON"),
        (b'{"matches": [', "the scanner's report is cut off"),
        (b"{", "the scanner's report is cut off"),
        (b"[" * 100_000, "something that is not JSON (recursion limit exceeded"),
        (b'{"matches": ' + b"[" * 100_000, "something that is not JSON (recursion limit"),
        (b"{}", "JSON that is no"),
        (b"3", "JSON that is no"),
        (b'"null"', "JSON that is no"),
        (b"true", "JSON that is no"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_output_that_is_not_complete_json_fails(scanner, report, words):
    result = judge(report, scanner)

    assert result.status is GateStatus.FAILED
    assert words in result.error
    assert len(result.error) <= 500


@pytest.mark.parametrize("name", ["trivy-mixed", "trivy-old-list", "grype-mixed"])
def test_a_report_that_is_cut_off_anywhere_fails(name):
    report = sample_report(name).rstrip()
    scanner = GRYPE if name.startswith("grype") else TRIVY

    results = [judge(report[:length], scanner) for length in range(len(report))]

    assert {result.status for result in results} == {GateStatus.FAILED}
    assert all(result.security_summary is None for result in results)


@pytest.mark.requirement("FR-057")
@pytest.mark.parametrize(
    ("report", "place"),
    [
        ({"SchemaVersion": 2}, "at ArtifactType: Field required"),
        ({"SchemaVersion": 3, "ArtifactType": "container_image"}, "at SchemaVersion"),
        ({"SchemaVersion": "2", "ArtifactType": "container_image"}, "at SchemaVersion"),
        ({**trivy(), "Results": {}}, "at Results"),
        ({**trivy(), "Results": [{"Class": "os-pkgs"}]}, "at Results[0].Target: Field required"),
        (trivy(Vulnerabilities={}), "at Results[0].Vulnerabilities"),
        (trivy(Secrets=2), "at Results[0].Secrets"),
        (trivy({}), "at Results[0].Vulnerabilities[0]: has neither a vulnerability nor"),
        (trivy(vulnerability(""), vulnerability()), "at Results[0].Vulnerabilities[0]"),
        (
            trivy(vulnerability(Severity="HIGH"), vulnerability(Severity="Important")),
            "at Results[0].Vulnerabilities[1].Severity: 'Important' is not a known severity",
        ),
        (trivy(vulnerability(Severity=3)), "at Results[0].Vulnerabilities[0].Severity"),
        (trivy(vulnerability(FixedVersion=["6"])), "Vulnerabilities[0].FixedVersion"),
        (trivy(vulnerability("CVE-" + "9" * 300)), "Vulnerabilities[0].VulnerabilityID"),
        ([{"Vulnerabilities": []}], "at [0].Target: Field required"),
        (["CVE-1"], "at [0]"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_invalid_trivy_report_fails_with_the_position(report, place):
    result = judge(report)

    assert result.status is GateStatus.FAILED
    assert result.error.startswith("the scanner's Trivy report cannot be read at ")
    assert place in result.error


@pytest.mark.requirement("FR-057")
@pytest.mark.parametrize(
    ("report", "place"),
    [
        ({"matches": []}, "has neither matches nor a descriptor"),
        ({"matches": None}, "at matches"),
        (grype(descriptor={"name": "other"}), "at descriptor.name"),
        (grype({}), "at matches[0].vulnerability: Field required"),
        (grype({"vulnerability": {"id": "CVE-1"}}), "at matches[0].artifact: Field required"),
        (grype(match(None)), "at matches[0].vulnerability.id"),
        (grype(match(), match(severity="Severe")), "at matches[1].vulnerability.severity"),
        (grype(match(fix="fixed")), "at matches[0].vulnerability.fix"),
        (grype(match(fix={"versions": "2"})), "at matches[0].vulnerability.fix.versions"),
        (grype(match(version=5)), "at matches[0].artifact.version"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_invalid_grype_report_fails_with_the_position(report, place):
    result = judge(report, GRYPE)

    assert result.status is GateStatus.FAILED
    assert result.error.startswith("the scanner's Grype report cannot be read")
    assert place in result.error


def test_a_report_over_the_limit_is_not_read():
    report = json.dumps(trivy()).encode().ljust(64 * 1024 * 1024 + 1)
    gate = Gate(GateKind.SECURITY_SCAN, ("trivy",), security=SecurityRules())

    result = judge_report(gate, report, 0)

    assert result.error == "the scanner's report is larger than 67108864 bytes"


def test_the_text_of_a_secret_is_never_repeated():
    report = trivy(Secrets=[{"RuleID": "aws", "Match": "AKIAVERYSECRET"}], Vulnerabilities=3)

    result = judge(report)

    assert "AKIAVERYSECRET" not in result.model_dump_json()
