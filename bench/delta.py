"""Compares two scans of 2,000 findings each, in processor time."""

import json
from collections.abc import Iterator
from statistics import median
from time import process_time

from bench.rows import Row
from engine.adapters.scanners.judge import judge_report
from engine.domain.gate import Gate, GateKind, ScanResult, SecurityRules
from engine.domain.impact.delta import compare_findings
from engine.domain.scan import ScanFindings

_FINDINGS = 2000
_RUNS = 20


def rows() -> Iterator[Row]:
    """The time of a comparison of kept findings; reading them from their documents included."""
    running, coming = _document(0), _document(_FINDINGS // 10)
    seconds = []
    for _ in range(_RUNS):
        started = process_time()
        found = compare_findings(ScanFindings.decode(running), ScanFindings.decode(coming))
        seconds.append(process_time() - started)
    if found is None or (found.new_count, found.fixed_count) != (_FINDINGS // 10,) * 2:
        raise RuntimeError(f"the comparison is wrong: {found}")
    yield Row(f"differences of two scans of {_FINDINGS:,} findings", median(seconds) * 1000, "ms")
    yield Row("a kept scan", len(running) // 1024, "KiB")


def _document(first: int) -> bytes:
    found = [
        {
            "VulnerabilityID": f"CVE-2026-{number}",
            "VendorIDs": [f"GHSA-aaaa-bbbb-{number}"],
            "PkgName": f"package-{number % 300}",
            "PkgIdentifier": {"PURL": f"pkg:npm/package-{number % 300}@1.{number}"},
            "InstalledVersion": f"1.{number}",
            "Severity": "MEDIUM",
        }
        for number in range(first, first + _FINDINGS)
    ]
    results = [{"Target": "acme", "Vulnerabilities": found}]
    report = {"SchemaVersion": 2, "ArtifactType": "container_image", "Results": results}
    gate = Gate(GateKind.SECURITY_SCAN, ("trivy",), security=SecurityRules())
    judged = judge_report(gate, json.dumps(report).encode(), 0)
    if not isinstance(judged, ScanResult):
        raise RuntimeError(f"the report was refused: {judged.error}")
    return judged.document
