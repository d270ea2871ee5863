"""Shared set-up for tests of scanner reports: sample reports and a gate that judges them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.adapters.scanners import judge_report
from engine.domain.gate import (
    Gate,
    GateKind,
    GateResult,
    ScannerFormat,
    SecurityRules,
    SecuritySummary,
    Severity,
)

TRIVY, GRYPE = ScannerFormat.TRIVY, ScannerFormat.GRYPE
REPORTS = Path(__file__).parent / "reports"
_VECTORS = Path(__file__).parents[1] / "vectors"


def vectors(scanner: str) -> Path:
    """The folder with other projects' reports of this scanner."""
    return _VECTORS / scanner


def judge(
    report: bytes | object,
    scanner: ScannerFormat = TRIVY,
    *,
    block: Sequence[Severity] = (Severity.CRITICAL, Severity.HIGH),
    ignore_unfixed: bool = False,
    block_on_secrets: bool = False,
) -> GateResult:
    """Judge `report`, which is serialized to JSON unless it is bytes."""
    rules = SecurityRules(scanner, frozenset(block), ignore_unfixed, block_on_secrets)
    gate = Gate(GateKind.SECURITY_SCAN, ("scanner",), security=rules)
    content = report if isinstance(report, bytes) else json.dumps(report).encode()
    return judge_report(gate, content, 0)


def sample_report(name: str) -> bytes:
    """Read a report from the folder beside the tests."""
    return (REPORTS / f"{name}.json").read_bytes()


def summary(result: GateResult) -> SecuritySummary:
    assert result.security_summary is not None, result.error
    return result.security_summary


def counts(result: GateResult) -> tuple[int, int, int, int, int]:
    """Count the findings: critical, high, medium, low, unknown."""
    found = summary(result)
    return (
        found.critical_count,
        found.high_count,
        found.medium_count,
        found.low_count,
        found.unknown_count,
    )


def trivy(*vulnerabilities: dict[str, Any], **result: object) -> dict[str, Any]:
    """Make a Trivy report with one result."""
    found = {"Target": "acme", "Vulnerabilities": list(vulnerabilities), **result}
    return {"SchemaVersion": 2, "ArtifactType": "container_image", "Results": [found]}


def vulnerability(
    id: str = "CVE-1", package: str = "bash", version: str = "5", **fields: object
) -> dict[str, Any]:
    """Make one entry of a Trivy report."""
    return {"VulnerabilityID": id, "PkgName": package, "InstalledVersion": version, **fields}


def grype(*matches: dict[str, Any], **report: object) -> dict[str, Any]:
    """Make a Grype report."""
    return {"matches": list(matches), "descriptor": {"name": "grype"}, **report}


def match(
    id: str = "CVE-1", package: str = "bash", version: str | None = "5", **fields: object
) -> dict[str, Any]:
    """Make one entry of a Grype report; `fields` are those of its vulnerability."""
    artifact = {"name": package} | ({"version": version} if version is not None else {})
    return {"vulnerability": {"id": id, **fields}, "artifact": artifact}
