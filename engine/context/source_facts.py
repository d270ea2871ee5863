"""The facts of a promotion about the environments from which its version comes."""

from collections.abc import Iterable
from typing import TypeVar

from engine.context.context import Context
from engine.context.facts import Fact
from engine.context.not_found import not_found_error
from engine.domain.artifact import Tag, Version
from engine.domain.environment import Environment
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.move import Move
from engine.domain.record import AnyRecord, PromotionRecord
from engine.domain.request import PromotionRequest
from engine.domain.state import Quarantine
from engine.ports import LedgerReader

T = TypeVar("T")


class SourceFacts(Context[PromotionRequest]):
    """The artifact of a promotion, and its past in the sources of the target."""

    @property
    def version(self) -> Version:
        return self.request.version

    @property
    def sources(self) -> tuple[Environment, ...]:
        return self.path.sources(self.target.name)

    @property
    def source(self) -> Environment | None:
        """The environment whose tag names the artifact, the first of several; None for a build."""
        if len(self.sources) < 2:
            return next(iter(self.sources), None)
        having = (s for s, m in zip(self.sources, self.source_manifests, strict=True) if m)
        return next(having, self.sources[0])

    @property
    def source_tag(self) -> Tag:
        """The tag of the artifact before the promotion: the build's own, or that of the source."""
        return self.source.tag(self.version) if self.source else self.version.tag

    @property
    def source_tags(self) -> tuple[Tag, ...]:
        """The tags of the version in each of the sources, or that of the build."""
        return tuple(each.tag(self.version) for each in self.sources) or (self.version.tag,)

    @Fact
    def source_manifests(self) -> tuple[Manifest | None, ...]:
        """The artifact in each of the sources, or that of the build; None where there is none."""
        return self.each(self._sources.registry.fetch, self.source_tags)

    @Fact
    def manifest(self) -> Manifest:
        """The artifact, pinned by its digest from here on; of several sources, of the first."""
        registry, found = self._sources.registry, self.source_manifests
        manifest = next(filter(None, found), None)
        if manifest is None:
            tags = registry.tags()
            # A registry on a file system may briefly hide a manifest while it is being tagged.
            hidden = [tag for tag in self.source_tags if tag in tags]
            manifest = registry.fetch(hidden[0]) if hidden else None
            if manifest is None:
                raise not_found_error(
                    self.path, self.version, self.target, registry.reference, tags
                )
        return manifest

    def judged(self, values: tuple[T, ...]) -> tuple[tuple[Environment, T], ...]:
        """Pair each source with its value; if any is enough, only those with the artifact."""
        pairs = tuple(zip(self.sources, values, strict=True))
        if not self.target.any_source:
            return pairs
        having = [m and m.digest == self.manifest.digest for m in self.source_manifests]
        return tuple(pair for pair, has in zip(pairs, having, strict=True) if has)

    @property
    def proven_sources(self) -> tuple[str, ...]:
        """The sources to which the artifact was promoted or published."""
        digest = str(self.manifest.digest)
        return tuple(
            source.name
            for source, entry in self.judged(self.source_records)
            if (entry.record.subject_digest == digest if entry else source == self.path.entry)
        )

    @Fact
    def source_heads(self) -> tuple[LedgerEntry | None, ...]:
        """The newest entry of the ledger of each source."""
        return self.each(self._sources.ledger.head, tuple(each.name for each in self.sources))

    @Fact
    def source_promotions(self) -> tuple[LedgerEntry | None, ...]:
        """The newest committed promotion of this digest into each source."""
        return self.each(self._source_promotion, range(len(self.sources)))

    def _source_promotion(self, place: int) -> LedgerEntry | None:
        if self.sources[place] == self.path.entry and not self.target.separation_of_duties:
            # Builds publish into the first environment; only separation of duties needs it there.
            return None
        return self._promotion(self.source_heads[place])

    @Fact
    def source_records(self) -> tuple[LedgerEntry | None, ...]:
        """The newest entry that brought this version to each source, if possible this digest."""
        return self.each(self._source_record, range(len(self.sources)))

    def _source_record(self, place: int) -> LedgerEntry | None:
        head, found = self.source_heads[place], self.source_promotions[place]
        if found is not None and _version(found) != str(self.version):
            found = self._promotion(head, str(self.version))
        if head is None or found is not None:
            return found
        return self._sources.ledger.find_arrival(head, self.version)

    @Fact
    def earlier_heads(self) -> tuple[LedgerEntry | None, ...]:
        """The newest entries of all environments before the sources, except the first one."""
        known = {each.name for each in self.sources}
        names = [name for name in self.path.quarantining(self.target.name) if name not in known]
        return self.each(self._sources.ledger.head, names)

    @Fact
    def quarantines(self) -> tuple[tuple[str, Quarantine], ...]:
        """The quarantines of the artifact in the target and the environments before it."""
        # Also a source without this version may have held its content under another one.
        heads = (self.target_head, *self.source_heads, *self.earlier_heads)
        return find_quarantines(heads, str(self.manifest.digest))

    @Fact
    def source_rollbacks(self) -> tuple[LedgerEntry | None, ...]:
        """
        The rollback of each source from this artifact, unless it was promoted there again since.

        Only the newest record about the artifact counts.
        """
        return self.each(self._source_rollback, self.source_heads)

    def _source_rollback(self, head: LedgerEntry | None) -> LedgerEntry | None:
        digest = str(self.manifest.digest)
        if head is None or head.state.digest == digest or not head.state.may_have_had(self.version):
            return None
        return find_rollback(self._sources.ledger, head, digest)

    def _promotion(
        self, head: LedgerEntry | None, version: str | None = None
    ) -> LedgerEntry | None:
        if head is None:
            return None
        return self._sources.ledger.find_promotion(head, self.manifest.digest, version)


def _version(entry: LedgerEntry) -> str | None:
    return entry.record.version if isinstance(entry.record, PromotionRecord) else None


def find_quarantines(
    heads: Iterable[LedgerEntry | None], digest: str
) -> tuple[tuple[str, Quarantine], ...]:
    """Find the quarantines of `digest` in the ledgers with `heads`, with their environments."""
    return tuple(
        (head.environment, held)
        for head in heads
        if head
        for held in head.state.quarantined
        if held.digest == digest
    )


def find_rollback(ledger: LedgerReader, head: LedgerEntry, digest: str) -> LedgerEntry | None:
    """Find the rollback from `digest` that no newer record about it follows; None without one."""
    newest = ledger.find(head, digest, lambda record: _concerns(record, digest))
    move = Move.of(newest.record) if newest else None
    return newest if move and move.withdraws(digest) else None


def _concerns(record: AnyRecord, digest: str) -> bool:
    move = Move.of(record)
    return move is not None and move.concerns(digest)
