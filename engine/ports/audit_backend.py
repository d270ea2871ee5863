"""The interface of audit backends, which store copies of records for compliance."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from engine.domain.errors import AuditUnavailableError
from engine.domain.product import UNNAMED
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord

# The entry point group for backends: each entry is a callable that takes AuditSettings.
ENTRY_POINTS = "floe.audit_backends"
# More records than an environment ever has, so `query_history` returns all of them.
_ALL = 10_000_000


@dataclass(frozen=True)
class AuditSettings:
    """
    The settings of the backend in manifest.yaml.

    `base` is the directory of that file, for relative paths. `url` and `options` may contain
    secrets, so neither is ever printed. Products of a server may have equal settings and
    environments: a backend keeps the records of each `product` apart.
    """

    base: Path
    options: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)
    url: str | None = field(default=None, repr=False)
    path: Path | None = None
    product: str = UNNAMED


class AuditBackendPlugin(ABC):
    """
    Stores records permanently (FR-025, FR-026): appended records are never altered or removed.

    A backend defines `query_history` and either `append`, which gets every record, or
    `store_promotion` and `store_rollback`, which get only those: locks and refusals have no copy.

    A record is appended before its change takes effect, so it may be stored although the change
    failed. Methods are called from any thread, also in parallel. All problems are an
    AuditUnavailableError with one sentence. floe ends a call after 30 seconds (for `records`, 30
    seconds per record) and turns other exceptions into that error.
    """

    place: str = ""
    """The place of the copies, named in records to distinguish backends. Contains no secret."""

    def append(self, record: AnyRecord) -> None:
        """
        Store `record` so that it survives a crash.

        If a record with that id and the bytes of `record.to_bytes()` exists, nothing is done. If
        its bytes differ, it stays unchanged, and AuditUnavailableError is raised.
        """
        if isinstance(record, PromotionRecord):
            self.store_promotion(record)
        elif isinstance(record, RollbackRecord):
            self.store_rollback(record)

    def keeps(self, kind: str) -> bool:
        """Whether `append` stores records of this `kind` (`promotion`, `lock`, …)."""
        everything = type(self).append is not AuditBackendPlugin.append
        return everything or kind in ("promotion", "rollback")

    @abstractmethod
    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        """Read at most `limit` records of `environment`, newest first by their time."""

    def records(self, environment: str) -> Iterator[AnyRecord]:
        """
        Yield all records of `environment` in any order.

        The default reads the whole history in one call: override it if that can take longer than
        30 seconds.
        """
        yield from self.query_history(environment, _ALL)

    def store_promotion(self, record: PromotionRecord) -> None:
        """Store a promotion under the terms of `append`."""
        self._append_own(record)

    def store_rollback(self, record: RollbackRecord) -> None:
        """Store a rollback under the terms of `append`."""
        self._append_own(record)

    def _append_own(self, record: AnyRecord) -> None:
        if type(self).append is AuditBackendPlugin.append:
            raise AuditUnavailableError(
                f"Audit backend {type(self).__module__}.{type(self).__name__} does not store "
                f"{record.kind} records: its author must define append, or store_promotion and "
                "store_rollback"
            )
        self.append(record)

    def close(self) -> None:  # noqa: B027 - most backends hold nothing open
        """Close connections and files; no method is called afterwards."""


AuditBackendFactory = Callable[[AuditSettings], AuditBackendPlugin]
