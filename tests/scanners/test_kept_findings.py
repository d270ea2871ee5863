"""The document of findings that is kept with a record."""

import gzip
import json
from pathlib import Path

import pytest

from engine.adapters.scanners.findings import distinct
from engine.adapters.scanners.judge import read_report
from engine.domain.artifact import Digest
from engine.domain.gate import GateResult, ScannerFormat, ScanResult, SecurityRules, Severity
from engine.domain.scan import MAX_FINDINGS, MAX_FINDINGS_BYTES, ScanFinding, ScanFindings
from tests.scanners.scans import (
    GRYPE,
    TRIVY,
    grype,
    judge,
    match,
    summary,
    trivy,
    vectors,
    vulnerability,
)

PURL = "pkg:npm/%40babel/traverse@7.23.0?arch=x86_64#lib"


def kept(report: object, scanner: ScannerFormat = TRIVY) -> ScanFindings:
    result = judge(report, scanner)
    assert isinstance(result, ScanResult)
    assert summary(result).findings == str(Digest.of(result.document))
    return ScanFindings.decode(result.document)


def finding(**fields: object) -> ScanFinding:
    known: dict[str, object] = {
        "id": "CVE-1",
        "package": "bash",
        "version": "5",
        "severities": frozenset({Severity.HIGH}),
        "fixed": True,
    }
    return ScanFinding(**{**known, **fields})  # type: ignore[arg-type]


def test_trivy_gives_aliases_and_package_urls() -> None:
    report = trivy(
        vulnerability(
            VendorIDs=["GHSA-67hx-6x53-jw92", "RHSA-2023:7836"], PkgIdentifier={"PURL": PURL}
        )
    )

    [found] = kept(report).findings

    # An advisory of a vendor is about several vulnerabilities.
    assert found.aliases == ("GHSA-67hx-6x53-jw92",)
    assert (found.purl, found.package_url) == (PURL, "pkg:npm/%40babel/traverse")


def test_grype_gives_aliases_and_package_urls() -> None:
    hit = match("GHSA-1") | {"relatedVulnerabilities": [{"id": "CVE-2"}, {"id": "CVE-1"}]}
    hit["artifact"]["purl"] = "pkg:golang/golang.org/x/net@v0.9.0"

    [found] = kept(grype(hit), GRYPE).findings

    assert found.ids == ("GHSA-1", "CVE-1", "CVE-2")
    assert found.package_url == "pkg:golang/golang.org/x/net"


def test_merged_findings_keep_each_severity_and_alias() -> None:
    report = trivy(
        vulnerability(Severity="LOW", VendorIDs=["GHSA-2"]),
        vulnerability(Severity="CRITICAL", VendorIDs=["GHSA-1"], FixedVersion="6"),
    )

    [found] = kept(report).findings

    assert found.severities == {Severity.LOW, Severity.CRITICAL}
    assert (found.aliases, found.fixed) == (("GHSA-1", "GHSA-2"), True)


@pytest.mark.parametrize(
    "path", sorted([*vectors("trivy").glob("*.json"), *vectors("grype").glob("*.json")]), ids=str
)
def test_findings_of_stored_reports_survive_the_document(path: Path) -> None:
    scanner = ScannerFormat(path.parent.name)
    result = judge(path.read_bytes(), scanner)
    if not isinstance(result, ScanResult):
        assert result.error
        return

    again = ScanFindings.decode(result.document)

    read = distinct(read_report(scanner, path.read_bytes()).vulnerabilities)
    assert again == ScanFindings(read)


def test_equal_findings_give_equal_documents() -> None:
    one, other = vulnerability("CVE-1"), vulnerability("CVE-2")

    assert kept(trivy(one, other)).encode() == kept(trivy(other, one, one)).encode()


def test_a_document_is_no_part_of_a_record() -> None:
    result = judge(trivy(vulnerability()))

    assert "document" not in result.model_dump()
    assert type(result.recorded) is GateResult
    assert result.recorded.security_summary == result.security_summary


@pytest.mark.parametrize(("count", "truncated"), [(MAX_FINDINGS, False), (MAX_FINDINGS + 1, True)])
def test_a_scan_with_too_many_findings_is_truncated(count: int, truncated: bool) -> None:
    many = tuple(finding(id=f"CVE-{n}") for n in range(count))

    again = ScanFindings.decode(ScanFindings(many).encode())

    assert again.truncated is truncated
    assert len(again.findings) == (0 if truncated else count)


def test_a_scan_with_too_long_findings_is_truncated() -> None:
    long = ScanFindings((finding(version="x" * MAX_FINDINGS_BYTES),))

    assert ScanFindings.decode(long.encode()) == ScanFindings((), truncated=True)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"findings": [], "truncated": None, "more": 1, "x": "y" * MAX_FINDINGS_BYTES},
        {"findings": [1], "truncated": False},
        {"findings": [{"id": "CVE-1"}], "truncated": False},
        {
            "findings": [
                {"id": "C", "package": "p", "version": "", "severities": ["BAD"], "fixed": True}
            ],
            "truncated": False,
        },
        {
            "findings": [
                {"id": "C", "package": "p", "version": "", "severities": [], "fixed": True}
            ],
            "truncated": False,
        },
    ],
)
def test_another_document_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="."):
        ScanFindings.decode(gzip.compress(json.dumps(document).encode()))


@pytest.mark.parametrize("content", [b"", b"plain", gzip.compress(b"{}", mtime=0)[:-4]])
def test_another_compression_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="is "):
        ScanFindings.decode(content)


@pytest.mark.parametrize(
    ("severities", "fixed", "blocks"),
    [
        ({Severity.LOW, Severity.CRITICAL}, True, True),
        ({Severity.MEDIUM}, True, False),
        ({Severity.CRITICAL}, False, False),
    ],
)
def test_rules_apply_to_kept_findings(severities: set[Severity], fixed: bool, blocks: bool) -> None:
    rules = SecurityRules(ignore_unfixed=True)

    assert finding(severities=frozenset(severities), fixed=fixed).blocks(rules) is blocks
