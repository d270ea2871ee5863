"""Packages in a software bill of materials (SBOM): CycloneDX or SPDX 2, as JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.domain.impact.json_values import JSON
from engine.domain.scan import package_url

# Versions by the package URL, or by the name without one.
Packages = Mapping[str, frozenset[str]]
MAX_SBOM_BYTES = 4 * 1024 * 1024
_MAX_PARTS = 50_000


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package with its versions before and after; None where it is not there."""

    name: str
    before: str | None
    after: str | None


def read_packages(content: bytes) -> Packages:
    """Read the packages with a version; ValueError for another document, or a too large one."""
    try:
        document: JSON = json.loads(content)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if isinstance(document, dict) and document.get("bomFormat") == "CycloneDX":
        found = _cyclonedx(document)
    elif isinstance(document, dict) and str(document.get("spdxVersion")).startswith("SPDX-2"):
        found = _spdx(document)
    else:
        raise ValueError("is neither CycloneDX nor SPDX 2")
    versions: dict[str, set[str]] = {}
    for name, version in found:
        versions.setdefault(name, set()).add(version)
    return {name: frozenset(each) for name, each in versions.items()}


def changed_packages(running: Packages, coming: Packages) -> tuple[PackageChange, ...]:
    """List the packages whose versions differ, by name."""
    names = sorted(running.keys() | coming.keys())
    return tuple(
        PackageChange(name, _versions(running.get(name)), _versions(coming.get(name)))
        for name in names
        if running.get(name) != coming.get(name)
    )


def _versions(found: frozenset[str] | None) -> str | None:
    return ", ".join(sorted(found)) if found else None


def _cyclonedx(document: Mapping[str, JSON]) -> Iterator[tuple[str, str]]:
    pending, count = _objects(document.get("components")), 0
    while pending:
        each = pending.pop()
        pending += _objects(each.get("components"))
        count += 1
        _limit(count + len(pending))
        group = f"{each['group']}/" if isinstance(each.get("group"), str) and each["group"] else ""
        if each.get("type") != "file":
            yield from _package(each.get("purl"), f"{group}{each.get('name')}", each.get("version"))


def _spdx(document: Mapping[str, JSON]) -> Iterator[tuple[str, str]]:
    described = document.get("documentDescribes")
    roots = {str(each) for each in described} if isinstance(described, list) else set()
    for each in _objects(document.get("relationships")):
        if each.get("relationshipType") == "DESCRIBES":
            roots.add(str(each.get("relatedSpdxElement")))
    for each in _objects(document.get("packages")):
        urls = (
            ref.get("referenceLocator")
            for ref in _objects(each.get("externalRefs"))
            if ref.get("referenceType") == "purl"
        )
        # The described package is the artifact itself.
        if str(each.get("SPDXID")) not in roots:
            yield from _package(next(urls, None), each.get("name"), each.get("versionInfo"))


def _package(purl: Any, name: Any, version: Any) -> Iterator[tuple[str, str]]:
    if isinstance(name, str) and isinstance(version, str) and version:
        yield package_url(purl) if isinstance(purl, str) and purl else name, version


def _objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        return []
    _limit(len(value))
    return [each for each in value if isinstance(each, dict)]


def _limit(count: int) -> None:
    if count > _MAX_PARTS:
        raise ValueError(f"has more than {_MAX_PARTS} components")
