"""The outcome of one change on every secondary."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.domain.artifact import Digest
from engine.domain.errors import PromotionError
from engine.domain.ledger import LedgerEntry
from engine.domain.mirroring import SyncReport
from engine.domain.record import AnyRecord, PromotionRecord, RegistrySync, RollbackRecord
from engine.domain.text import printable
from engine.ports.secondary import CopiedArtifact

_MAX_WORDS = 500


@dataclass(frozen=True)
class Copies:
    """`outcomes` are in the order of manifest.yaml; `copied` has successful copies by registry."""

    outcomes: tuple[RegistrySync, ...] = ()
    copied: Mapping[str, CopiedArtifact] = field(default_factory=dict)

    def recorded(self, record: AnyRecord) -> AnyRecord:
        """`record` with the outcomes."""
        if self.outcomes and isinstance(record, PromotionRecord | RollbackRecord):
            return record.model_copy(update={"registry_sync": self.outcomes})
        return record

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(
            f"the secondary registry {each.registry} does not have this change: {each.error}. "
            "Run `floe platform sync` after the repair"
            for each in self.outcomes
            if each.status == "failed"
        )


NO_COPIES = Copies()


def synced(registry: str, digest: Digest) -> RegistrySync:
    return RegistrySync(registry=registry, status="synced", digest=str(digest))


def outcomes_of(report: SyncReport, head: LedgerEntry) -> tuple[RegistrySync, ...]:
    """
    The outcomes of a repair for the version of the environment of `head`; empty if the repair
    saw an older version.
    """
    rows = [row for row in report.environments if row.environment == head.environment]
    if any(row.record not in (None, head.state.record) for row in rows):
        return ()
    return tuple(
        failed(row.registry, row.errors[0])
        if row.errors
        else RegistrySync(registry=row.registry, status="synced")
        for row in rows
    )


def failed(registry: str, error: PromotionError) -> RegistrySync:
    return RegistrySync(
        registry=registry, status="failed", error=printable(str(error))[:_MAX_WORDS]
    )
