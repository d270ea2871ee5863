"""A third party's audit backend: one JSON line per record. Imports only the port."""

import time
from pathlib import Path

from engine.domain.errors import AuditUnavailableError
from engine.domain.record import AnyRecord, PromotionRecord, record_from_bytes
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings


class Lines(AuditBackendPlugin):
    """
    A backend that writes to `file`; `fails` and `sleeps` (seconds) simulate bad plugins.

    It cannot be opened while there is a file `away`.
    """

    def __init__(self, settings: AuditSettings) -> None:
        if (settings.base / "away").exists():
            raise AuditUnavailableError("the audit store does not answer")
        self._file = settings.base / str(settings.options["file"])
        self._fails = bool(settings.options.get("fails"))
        self._sleeps = float(str(settings.options.get("sleeps", 0)))

    def append(self, record: AnyRecord) -> None:
        time.sleep(self._sleeps)
        if self._fails:
            raise KeyError("forgotten\nby its author")
        if record.to_bytes() not in _lines(self._file):
            with self._file.open("ab") as file:
                file.write(record.to_bytes() + b"\n")

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        records = [record_from_bytes(line) for line in _lines(self._file)]
        there = [record for record in records if record.ledger == environment]
        return sorted(there, key=lambda record: record.at, reverse=True)[:limit]


class KeepsNothing(AuditBackendPlugin):
    """Defines one of the two kinds, so rollbacks would have no copy."""

    def __init__(self, _settings: AuditSettings) -> None:
        pass

    def store_promotion(self, record: PromotionRecord) -> None:
        pass

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        return []


def nothing(settings: AuditSettings) -> None:
    """An entry point that returns no backend."""


def _lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines() if file.exists() else []
