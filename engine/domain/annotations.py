"""Records as OCI annotations (FR-023): `dev.floe.<kind>.<field>`, text or compact JSON."""

import json
from collections.abc import Mapping
from typing import Any

from engine.domain.canonical import canonical_json
from engine.domain.record import AnyRecord, record_from_json

# Beyond this many bytes in all, details are shortened; the blob always has them (NFR-005). The
# manifest with them must fit into a tile of a transparency log, which takes 65,535 bytes.
MAX_BYTES = 60 * 1024
_PREFIX = "dev.floe."
_SHORTENED = "shortened"
# The fields that may be dropped, longest first; all others stay.
_DETAILS = ("gate_results", "impact_analysis", "registry_sync", "warnings", "approvals", "tags")
_MAX_ERROR = 500


def record_annotations(record: AnyRecord, room: int = MAX_BYTES) -> dict[str, str]:
    """
    Turn `record` into annotations of at most `room` bytes.

    If details had to be shortened, `dev.floe.<kind>.shortened` is `true`, and only the blob has the
    whole record.
    """
    fields = record.model_dump(mode="json")
    whole = _annotate(record.kind, fields)
    if _size(whole) <= room:
        return whole
    if "gate_results" in fields:
        fields["gate_results"] = [_shorten_gate(gate) for gate in fields["gate_results"]]
    for name in ("", *_DETAILS):
        if name in fields:
            fields[name] = None
        shortened = _annotate(record.kind, fields) | {
            f"{_PREFIX}{record.kind}.{_SHORTENED}": "true"
        }
        if _size(shortened) <= room:
            break
    return shortened


def record_from_annotations(kind: str, annotations: Mapping[str, str]) -> AnyRecord | None:
    """Parse the record in `annotations`; None if it was shortened, ValueError if it is invalid."""
    prefix = f"{_PREFIX}{kind}."
    texts = {k.removeprefix(prefix): v for k, v in annotations.items() if k.startswith(prefix)}
    if texts.pop(_SHORTENED, None) is not None:
        return None
    return record_from_json({name: _value(text) for name, text in texts.items()} | {"kind": kind})


def _annotate(kind: str, fields: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{_PREFIX}{kind}.{name}": _text(value)
        for name, value in fields.items()
        if value is not None and name != "kind"
    }


def _text(value: Any) -> str:
    # Plain text stays readable in `oras discover`. Text that is valid JSON is quoted, so that a
    # reason of "[1]" stays text.
    if isinstance(value, str) and not _is_json(value):
        return value
    return canonical_json(value).decode()


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except RecursionError:
        # Too deeply nested for this parser, but perhaps not for the one that reads it back.
        return True
    except ValueError:
        return False
    return True


def _shorten_gate(gate: Mapping[str, Any]) -> dict[str, Any]:
    summary = gate["security_summary"]
    error = gate["error"]
    return {
        **gate,
        "details": {},
        "error": error[:_MAX_ERROR] if error else None,
        "security_summary": {**summary, "blocking_cves": summary["blocking_cves"][:20]}
        if summary
        else None,
    }


def _size(annotations: Mapping[str, str]) -> int:
    # In JSON, where quotes and line breaks of nested values take two bytes.
    return len(canonical_json(annotations))
