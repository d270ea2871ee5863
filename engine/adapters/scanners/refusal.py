"""Explains in one sentence why the output of a scanner is not the expected report."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from engine.domain.gate import ScannerFormat

_FLAGS = {ScannerFormat.TRIVY: "--format json", ScannerFormat.GRYPE: "-o json"}
_NAMES = {ScannerFormat.TRIVY: "Trivy", ScannerFormat.GRYPE: "Grype"}
_Document = Mapping[str, Any]

# Documents that scanners print in other formats, with a test for each.
_OTHERS: tuple[tuple[str, Callable[[_Document], bool]], ...] = (
    ("a CycloneDX document", lambda it: it.get("bomFormat") == "CycloneDX"),
    ("an SPDX document", lambda it: "spdxVersion" in it or "spdx" in str(it.get("@context"))),
    ("a SARIF log", lambda it: isinstance(it.get("runs"), list)),
    ("a GitHub dependency snapshot", lambda it: "detector" in it and "manifests" in it),
    ("a GitLab report", lambda it: "vulnerabilities" in it and "scan" in it),
    ("an in-toto statement", lambda it: "predicateType" in it or "predicate" in it),
    ("a Syft document", lambda it: "artifactRelationships" in it),
)


def explain_refusal(wanted: ScannerFormat, report: bytes, error: ValidationError) -> str:
    """The reason why `report` is not a `wanted` report, with a hint."""
    try:
        text = report.decode()
    except UnicodeDecodeError as bad:
        return f"the scanner printed something that is not UTF-8 text (byte {bad.start})"
    if not text.strip():
        return f"the scanner printed nothing: a {_NAMES[wanted]} report was expected"
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return _not_json(wanted, str(first.get("ctx", {}).get("error", "")))
    return _other_document(wanted, from_json(report)) or _malformed(wanted, first)


def _not_json(wanted: ScannerFormat, problem: str) -> str:
    if problem.startswith("EOF"):
        return f"the scanner's report is cut off: {problem}"
    return f"the scanner printed something that is not JSON ({problem}): use {_FLAGS[wanted]}"


def _other_document(wanted: ScannerFormat, document: Any) -> str | None:
    if isinstance(document, list) and wanted is ScannerFormat.TRIVY:
        return None
    if not isinstance(document, dict):
        return _unknown(wanted)
    printed = next((name for name, is_one in _OTHERS if is_one(document)), None)
    if printed is not None:
        return f"the scanner printed {printed}: use {_FLAGS[wanted]}"
    return _cluster_report(document) or _other_scanner(wanted, document)


def _cluster_report(document: _Document) -> str | None:
    """The reason for Trivy's reports about a cluster, which cover many artifacts."""
    kind = document.get("kind")
    if isinstance(kind, str) and "apiVersion" in document:
        return f"the scanner printed a {kind[:60]} resource of a cluster: scan the artifact itself"
    if "ClusterName" in document or "Resources" in document:
        return "the scanner printed a report about a cluster: scan the artifact itself"
    return None


def _other_scanner(wanted: ScannerFormat, document: _Document) -> str | None:
    """The reason for a report of the other scanner, or of an unknown tool."""
    markers = {ScannerFormat.TRIVY: "SchemaVersion", ScannerFormat.GRYPE: "matches"}
    if markers[wanted] in document:
        return None
    for scanner, marker in markers.items():
        if marker in document:
            return (
                f"the scanner printed a {_NAMES[scanner]} report and scanner_format is {wanted}: "
                f"set scanner_format: {scanner}"
            )
    return _unknown(wanted)


def _unknown(wanted: ScannerFormat) -> str:
    return (
        f"the scanner printed JSON that is not a {_NAMES[wanted]} report: use {_FLAGS[wanted]}, "
        "and set scanner_format to the scanner"
    )


def _malformed(wanted: ScannerFormat, first: Mapping[str, Any]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    place = "".join(parts).lstrip(".")
    where = f" at {place}" if place else ""
    reason = str(first["msg"]).removeprefix("Value error, ")
    return f"the scanner's {_NAMES[wanted]} report cannot be read{where}: {reason}"
