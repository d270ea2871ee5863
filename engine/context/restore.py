"""The facts of a restore."""

from itertools import islice

from engine.context.context import Context
from engine.context.facts import Fact
from engine.domain.artifact import Digest
from engine.domain.errors import ContentMissingError
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.path import PromotionPath
from engine.domain.plan import Effect
from engine.domain.record import PromotionRecord
from engine.domain.status import Alignment
from engine.ports import LedgerReader, RegistryReader

# A bound on the requests in an environment with a long history.
_MOST_TAGS = 50


class RestoreContext(Context):
    """The facts about one restore at one time."""

    @Fact
    def manifest(self) -> Manifest | None:
        """The artifact that the target runs according to the ledger."""
        if self.state.digest is None:
            return None
        manifest = self._sources.registry.fetch(Digest(self.state.digest))
        if manifest is None:
            raise ContentMissingError(
                f"{self.state.digest}, which {self.target} should run, is no longer in the "
                "registry: promote another version"
            )
        return manifest

    @Fact
    def effect(self) -> Effect:
        match self.alignment:
            case Alignment.DRIFTED:
                return Effect.CHANGE
            case Alignment.COMPLETING:
                return Effect.COMPLETE
            case _:
                return Effect.NOTHING

    @Fact
    def found_version(self) -> str | None:
        """The version that is deployed instead, if known."""
        if self.latest is None or not self.drifted:
            return None
        sources = self._sources
        return version_of(
            self.latest,
            self.target.name,
            self.target_head,
            self.path,
            sources.registry,
            sources.ledger,
        )

    @Fact
    def committed_entry(self) -> LedgerEntry | None:
        """The entry that brought the version that the target should run."""
        head, sequence = self.target_head, self.state.sequence
        if head is None or sequence is None:
            return None
        return self._sources.ledger.entry(head, sequence)

    @property
    def artifact(self) -> Manifest | None:
        return self.manifest


def version_of(
    digest: Digest,
    environment: str,
    head: LedgerEntry | None,
    path: PromotionPath,
    registry: RegistryReader,
    ledger: LedgerReader,
) -> str | None:
    """
    Find the version of `digest` in `environment`: by its newest promotion there, else by one of
    the environment's 50 highest version tags; None if neither has it.
    """
    entry = ledger.find_promotion(head, digest) if head else None
    if entry is not None and isinstance(entry.record, PromotionRecord):
        return entry.record.version
    readings = [(path.read(tag), tag) for tag in registry.tags()]
    tags = [(r.version, t) for r, t in readings if r and r.environment == environment]
    for version, tag in islice(sorted(tags, reverse=True), _MOST_TAGS):
        if registry.resolve(tag) == digest:
            return str(version)
    return None
