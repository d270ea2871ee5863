"""Findings that a waiver must cover as a whole."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.adapters.scanners import judge_report
from engine.domain.gate import Gate, GateKind, GateStatus, ScannerFormat, SecurityRules
from engine.domain.waiver import Waiver
from tests.scanners.scans import GRYPE, TRIVY, grype, match, trivy, vulnerability

AMD64, ARM64 = (f"pkg:deb/debian/bash@5?arch={each}&distro=12" for each in ("amd64", "arm64"))


def blocks(
    report: dict[str, Any], scanner: ScannerFormat, waived: str, package: str | None = None
) -> bool:
    waiver = Waiver(
        vulnerability=waived,
        package=package,
        until=datetime(2026, 12, 24, tzinfo=UTC),
        operator="alice",
        reason="not reachable",
        record="r",
    )
    rules = SecurityRules(scanner, waivers=(waiver,))
    gate = Gate(GateKind.SECURITY_SCAN, ("scanner",), security=rules)
    return judge_report(gate, json.dumps(report).encode(), 0).status is GateStatus.FAILED


@pytest.mark.parametrize("advisory", ["ELSA-2026-1", "ALAS-2026-1", "RHSA-2026:1"])
def test_waiver_of_one_vulnerability_does_not_cover_an_advisory(advisory: str) -> None:
    related = [{"id": "CVE-2026-1"}, {"id": "CVE-2026-2"}]
    report = grype(match(advisory, severity="Critical") | {"relatedVulnerabilities": related})

    assert blocks(report, GRYPE, "CVE-2026-1")
    assert not blocks(report, GRYPE, advisory)


@pytest.mark.parametrize(
    ("purls", "package", "blocked"),
    [
        ([AMD64, ARM64], "pkg:deb/debian/bash", False),
        ([AMD64, ARM64], "pkg:deb/debian/bash@5?distro=12", False),
        ([AMD64, ARM64], "pkg:deb/debian/bash@5?arch=amd64", True),
        ([AMD64, AMD64], "pkg:deb/debian/bash@5?arch=amd64", False),
        ([AMD64, "pkg:deb/ubuntu/bash@5"], "pkg:deb/debian/bash", True),
        ([AMD64, None], "pkg:deb/debian/bash", True),
        ([AMD64, None], "bash", False),
        ([AMD64, "pkg:deb/debian/bash@5"], "pkg:deb/debian/bash@5", False),
    ],
)
def test_waiver_covers_each_package_of_a_merged_finding(
    purls: list[str | None], package: str, blocked: bool
) -> None:
    found = [
        vulnerability(Severity="CRITICAL", PkgIdentifier={"PURL": purl} if purl else {})
        for purl in purls
    ]

    assert blocks(trivy(*found), TRIVY, "CVE-1", package) is blocked
