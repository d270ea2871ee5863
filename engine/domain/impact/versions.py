"""Versions in floe's compiled artifacts whose major number is lower in the target."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.domain.impact.json_values import JSON, name_of, scalar_text

# At most nine digits: Python refuses to parse a number of thousands of digits.
_MAJOR = re.compile(r"v?([0-9]{1,9})(?![0-9])", re.ASCII)
_CONTRACTS = ("contracts", "data_contracts")


@dataclass(frozen=True, slots=True)
class LoweredVersion:
    """A contract or plugin (`sort`) with a lower major version in the target."""

    sort: str
    name: str
    old: str
    new: str


def find_lowered_versions(
    current: Iterable[JSON], target: Iterable[JSON]
) -> Iterator[LoweredVersion]:
    """Find the contracts and plugins that both have, with a lower major version in `target`."""
    ours = [document for document in current if isinstance(document, dict)]
    theirs = [document for document in target if isinstance(document, dict)]
    yield from _lower("contract", _contracts(ours), _contracts(theirs))
    yield from _lower("plugin", _plugins(ours), _plugins(theirs))


def _lower(
    sort: str, ours: Mapping[str, str], theirs: Mapping[str, str]
) -> Iterator[LoweredVersion]:
    for name, old in ours.items():
        before, after = _major(old), _major(theirs.get(name, ""))
        if before is not None and after is not None and after < before:
            yield LoweredVersion(sort, name, old, theirs[name])


def _major(version: str) -> int | None:
    match = _MAJOR.match(version)
    return int(match.group(1)) if match else None


def _contracts(documents: Iterable[dict[str, JSON]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for document in documents:
        for section in _CONTRACTS:
            for key, entry in _entries(document.get(section)):
                name, version = key or name_of(entry), _version(entry)
                if name and version:
                    found[name] = version
    return found


def _plugins(documents: Iterable[dict[str, JSON]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for document in documents:
        for key, entry in _entries(document.get("plugins")):
            for plugin in entry if isinstance(entry, list) else [entry]:
                name, version = _plugin_name(key, plugin), _version(plugin)
                if name and version:
                    found[name] = version
    return found


def _plugin_name(key: str | None, plugin: JSON) -> str:
    """Build `compute/duckdb` from the key `compute` and the plugin's `name`, or else its `type`."""
    fields = plugin if isinstance(plugin, dict) else {}
    name, sort = scalar_text(fields.get("name")), scalar_text(fields.get("type"))
    parts = (key, name or sort) if key else (sort, name)
    return "/".join(part for part in parts if part)


def _entries(section: JSON) -> Iterator[tuple[str | None, JSON]]:
    """The entries of a mapping with their keys, or of a list without."""
    if isinstance(section, dict):
        yield from section.items()
    elif isinstance(section, list):
        yield from ((None, entry) for entry in section if isinstance(entry, dict))


def _version(entry: JSON) -> str | None:
    version = entry.get("version") if isinstance(entry, dict) else entry
    # `version: 2.0` in YAML becomes a number in JSON.
    return str(version) if isinstance(version, float) else scalar_text(version)
