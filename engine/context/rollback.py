"""The facts of a rollback."""

from datetime import datetime
from itertools import islice

from engine.context.context import Context, Sources
from engine.context.facts import Fact
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import (
    ConflictError,
    ContentMissingError,
    VersionNotPromotedError,
)
from engine.domain.impact.analysis import ImpactAnalysis, impact_analysis
from engine.domain.impact.content import read_content
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.parsing import MOST_ROLLBACKS
from engine.domain.path import PromotionPath
from engine.domain.plan import Effect, GateMode
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.request import RollbackRequest
from engine.ports import Progress

# How many tags that are taken are passed over before somebody should look.
_MOST_TAKEN = 1000
_AVAILABLE = 20
# How far back a tag nobody attached a record to is looked for in the chain.
_WALK = 200


class RollbackContext(Context):
    """What is known about one rollback at one time."""

    def __init__(
        self,
        request: RollbackRequest,
        path: PromotionPath,
        sources: Sources,
        now: datetime,
        progress: Progress,
        mode: GateMode = GateMode.RUN,
    ) -> None:
        super().__init__(request, path, sources, now, progress, mode)
        self.version = request.version
        self._asked = request

    @property
    def tag(self) -> Tag:
        """The tag that says the version was promoted here."""
        return self.target.tag(self.version)

    @Fact
    def manifest(self) -> Manifest:
        """The artifact to go back to, pinned by its digest from here on."""
        manifest = self._sources.registry.fetch(self.tag)
        return manifest if manifest is not None else self._recorded()

    @Fact
    def recorded(self) -> LedgerEntry | None:
        """The newest record that brought this version to the target, with whatever content."""
        if self.target_head is None or self.promotion is not None:
            return self.promotion
        return self._sources.ledger.arrival(self.target_head, self.version)

    @Fact
    def promotion(self) -> LedgerEntry | None:
        """The newest committed promotion of this version and digest into the target."""
        head = self.target_head
        if head is None:
            return None
        return self._sources.ledger.promotion(head, self.manifest.digest, str(self.version))

    @Fact
    def current_promotion(self) -> LedgerEntry | None:
        """The promotion that brought what the target runs now."""
        head, state = self.target_head, self.state
        if head is None or state.digest is None:
            return None
        return self._sources.ledger.promotion(head, Digest(state.digest), state.version)

    @property
    def forward(self) -> bool:
        """Whether the version came after the one that runs: then the rules of a promotion hold."""
        if self.current:
            return False
        if self.promotion is None or self.current_promotion is None:
            return True
        return self.promotion.sequence > self.current_promotion.sequence

    @property
    def current(self) -> bool:
        """Whether the target runs this very version and digest by its ledger."""
        wanted = (str(self.version), str(self.manifest.digest))
        return (self.state.version, self.state.digest) == wanted

    @Fact
    def effect(self) -> Effect:
        if not self.current:
            return Effect.CHANGE
        return Effect.NOTHING if self.latest == self.manifest.digest else Effect.COMPLETE

    @Fact
    def current_entry(self) -> LedgerEntry | None:
        """The record that made this version current, where it is."""
        head, sequence = self.target_head, self.state.sequence
        if head is None or sequence is None or not self.current:
            return None
        return self._sources.ledger.entry(head, sequence)

    @Fact
    def staged(self) -> LedgerEntry | None:
        """The record an interrupted run left behind, not committed yet."""
        following = self.target_head.sequence + 1 if self.target_head else 1
        return self._sources.ledger.staged(self.target.name, following)

    @Fact
    def rollback_tag(self) -> Tag:
        """
        The next free `<version>-<env>-rollback-<n>`. Counting starts after the records attached to
        the artifact and asks for each tag, so it costs the same however many tags there are.
        """
        numbers = [self._number(entry.record) for entry in self._rollbacks()]
        start = max(numbers, default=0) + 1
        for number in range(start, start + _MOST_TAKEN):
            tag = self.target.rollback_tag(self.version, number)
            found = self._sources.registry.resolve(tag)
            if found is None or self._left_behind(tag, found):
                return tag
        raise ConflictError(
            f"{_MOST_TAKEN} tags from '{self.target.rollback_tag(self.version, start)}' on are "
            "taken by others: remove those no record names (floe platform audit verify)"
        )

    @Fact
    def recorded_tags(self) -> frozenset[str]:
        """The rollback tags of the newest records."""
        newest = self._sources.ledger.history(self.target.name, _WALK)
        records = (entry.record for entry in newest)
        return frozenset(r.artifact_tag for r in records if isinstance(r, RollbackRecord))

    @Fact
    def impact(self) -> ImpactAnalysis | None:
        """What going back undoes; None where nothing runs, or nothing would change."""
        digest = self.state.digest
        if digest is None or self.current or self.promotion is None:
            return None
        blob = self._sources.registry.blob
        return impact_analysis(
            self.running(Digest(digest)), read_content(self.manifest, blob), self._undone, self.now
        )

    @property
    def artifact(self) -> Manifest | None:
        return self.manifest

    @property
    def committed_entry(self) -> LedgerEntry | None:
        return self.current_entry

    @property
    def staged_entry(self) -> LedgerEntry | None:
        return self.staged

    def _recorded(self) -> Manifest:
        """The artifact whose tag is gone, by the digest that is on record."""
        head = self.target_head
        entry = self._sources.ledger.arrival(head, self.version) if head else None
        digest = entry.record.subject_digest if entry else None
        if entry is None or digest is None:
            raise self._never_promoted()
        manifest = self._sources.registry.fetch(Digest(digest))
        if manifest is None:
            raise ContentMissingError(
                f"{self.version} was promoted to {self.target} as {Digest(digest).short} (record "
                f"{entry.record.id}), which is no longer in the registry, and neither is "
                f"'{self.tag}': push the artifact again, or roll back to another version",
                {"version": str(self.version), "digest": digest},
            )
        return manifest

    @property
    def _undone(self) -> list[tuple[str, datetime]]:
        """The promotions after that of the version, up to that of what runs now; the newest 200."""
        if self.promotion is None or self.current_promotion is None:
            return []
        newest = self.current_promotion.sequence
        count = min(newest - self.promotion.sequence, _WALK)
        if count <= 0:
            return []
        entries = self._sources.ledger.history(self.target.name, count, before=newest + 1)
        records = (entry.record for entry in entries)
        return [(r.version, r.at) for r in records if isinstance(r, PromotionRecord)]

    def _rollbacks(self) -> tuple[LedgerEntry, ...]:
        return self._sources.ledger.attached(self.manifest.digest, "rollback", self.target.name)

    def _number(self, record: AnyRecord) -> int:
        if not isinstance(record, RollbackRecord) or record.version != str(self.version):
            return 0
        try:
            reading = self.path.read(Tag(record.artifact_tag))
        except ValueError:
            return 0
        # Anybody may attach what looks like a record: a count beyond all sense is not believed.
        return reading.rollback if reading and reading.rollback <= MOST_ROLLBACKS else 0

    def _left_behind(self, tag: Tag, found: Digest) -> bool:
        """Whether a run that died before its record was written made `tag`."""
        return found == self.manifest.digest and str(tag) not in self.recorded_tags

    def _never_promoted(self) -> VersionNotPromotedError:
        readings = [(self.path.read(tag), tag) for tag in self._sources.registry.tags()]
        there = [
            (reading.version, tag)
            for reading, tag in readings
            if reading and reading.environment == self.target.name and not reading.rollback
        ]
        newest = [str(tag) for _, tag in islice(sorted(there, reverse=True), _AVAILABLE)]
        listed = ", ".join(reversed(newest)) or "none"
        return VersionNotPromotedError(
            f"Version {self.version} was never promoted to {self.target}. "
            f"Available versions: {listed}",
            {"version": str(self.version), "available": newest},
        )
