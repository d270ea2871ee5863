"""The bodies of requests to a server."""

from dataclasses import asdict
from typing import Any

from engine.domain.overrides import Overrides

Json = Any


def fields_of_overrides(overrides: Overrides) -> dict[str, Json]:
    """Return the overrides that are set; the server rejects a reason without any."""
    fields = asdict(overrides) | fields_of_incident(overrides.incident)
    return {name: value for name, value in fields.items() if value}


def fields_of_incident(incident: str) -> dict[str, Json]:
    return {"break_glass": True, "incident": incident} if incident else {}


def optional_reason(reason: str | None) -> dict[str, str] | None:
    return None if reason is None else {"reason": reason}
