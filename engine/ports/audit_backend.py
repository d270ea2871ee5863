"""Audit backends: who keeps copies of records for compliance, and what they promise."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord

# Where a distribution names its backends: a callable that takes AuditSettings, by name.
ENTRY_POINTS = "floe.audit_backends"
# More than anybody records; a backend gives what it has.
_ALL = 10_000_000


@dataclass(frozen=True)
class AuditSettings:
    """
    What manifest.yaml says of the backend. `base` is the file's directory, for relative paths;
    `url` and `options` may hold secrets, so neither is ever shown.
    """

    base: Path
    options: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)
    url: str | None = field(default=None, repr=False)
    path: Path | None = None


class AuditBackendPlugin(ABC):
    """
    Keeps records for good (FR-025, FR-026): what was appended is never altered or removed.

    A backend defines `query_history` and either `append`, which gets every record, or
    `store_promotion` and `store_rollback`, which get only those: locks and refusals have no copy.

    A record is appended before its change takes effect, so one may be kept whose change never
    did. Methods are called from any thread, one after the other or side by side. Whatever goes
    wrong is an AuditUnavailableError with one sentence; floe gives up on a call that takes
    longer than 30 seconds, or on one record of `records` that does, and turns other exceptions
    into that error.
    """

    place: str = ""
    """Tells this backend's copies from those of another one; records name it. Holds no secret."""

    def append(self, record: AnyRecord) -> None:
        """
        Keep `record`; when this returns it survives a crash. A record that is there already, by
        its id and to the last byte of `record.to_bytes()`, is done; one with other bytes stays
        as it is and is an error.
        """
        if isinstance(record, PromotionRecord):
            self.store_promotion(record)
        elif isinstance(record, RollbackRecord):
            self.store_rollback(record)

    def keeps(self, kind: str) -> bool:
        """Whether `append` keeps records of this `kind` (`promotion`, `lock`, …)."""
        everything = type(self).append is not AuditBackendPlugin.append
        return everything or kind in ("promotion", "rollback")

    @abstractmethod
    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        """At most `limit` records of `environment`, newest first by their own time."""

    def records(self, environment: str) -> Iterator[AnyRecord]:
        """
        All records of `environment` in any order, each given as soon as it is read. This asks
        for the whole history at once: override it where that takes longer than 30 seconds.
        """
        yield from self.query_history(environment, _ALL)

    def store_promotion(self, record: PromotionRecord) -> None:
        """Keep a promotion, as `append` does."""
        self._append_own(record)

    def store_rollback(self, record: RollbackRecord) -> None:
        """Keep a rollback, as `append` does."""
        self._append_own(record)

    def _append_own(self, record: AnyRecord) -> None:
        if type(self).append is AuditBackendPlugin.append:
            raise NotImplementedError(f"{type(self).__name__} does not keep a {record.kind}")
        self.append(record)

    def close(self) -> None:  # noqa: B027 - most backends hold nothing open
        """Let go of what is held open; nothing is called afterwards."""


AuditBackendFactory = Callable[[AuditSettings], AuditBackendPlugin]
