"""The facts of a rollback."""

from datetime import datetime
from itertools import islice

from engine.context.comparison import read_findings_of, read_vex
from engine.context.context import Context
from engine.context.facts import Fact
from engine.context.source_facts import find_quarantines
from engine.domain.artifact import Digest, Tag, Version
from engine.domain.errors import (
    ConflictError,
    ContentMissingError,
    RegistryAnswerError,
    VersionNotPromotedError,
)
from engine.domain.impact.analysis import ImpactAnalysis, impact_analysis
from engine.domain.impact.content import read_content
from engine.domain.impact.delta import find_worse
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.move import goes_forward
from engine.domain.parsing import MOST_ROLLBACKS
from engine.domain.plan import Effect
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.request import RollbackRequest
from engine.domain.scan import ScanFinding, ScanFindings
from engine.domain.state import Quarantine

# After this many taken tags, a person should look at them.
_MOST_TAKEN = 1000
_AVAILABLE = 20
# The number of newest records that are read for the tags and versions in them.
_WALK = 200


class RollbackContext(Context[RollbackRequest]):
    """The facts about one rollback at one time."""

    @property
    def version(self) -> Version:
        return self.request.version

    @property
    def tag(self) -> Tag:
        """The tag from the promotion of the version into the target."""
        return self.target.tag(self.version)

    @Fact
    def manifest(self) -> Manifest:
        """The artifact to return to, pinned by its digest from here on."""
        manifest = self._sources.registry.fetch(self.tag)
        return manifest if manifest is not None else self._fetch_recorded()

    @Fact
    def recorded(self) -> LedgerEntry | None:
        """The newest entry that brought this version to the target, with any digest."""
        if self.target_head is None or self.promotion is not None:
            return self.promotion
        return self._sources.ledger.find_arrival(self.target_head, self.version)

    @Fact
    def promotion(self) -> LedgerEntry | None:
        """The newest committed promotion of this version and digest into the target."""
        head = self.target_head
        if head is None:
            return None
        return self._sources.ledger.find_promotion(head, self.manifest.digest, str(self.version))

    @Fact
    def kept_findings(self) -> ScanFindings | None:
        """The kept findings of the version to return to; None without any, or without a scan."""
        if self.target.scan_rules is None or self.replaced is None:
            return None
        return read_findings_of(self._sources.registry, self.promotion)

    @Fact
    def worse_findings(self) -> tuple[ScanFinding, ...]:
        """
        The findings of the version to return to that block, that the running version lacks, and
        that neither a waiver nor a signed OpenVEX document clears; none if a scan is unknown.
        """
        rules, running, kept = self.target.scan_rules, self.running_findings, self.kept_findings
        if rules is None or running is None or kept is None or running.truncated:
            return ()
        waivers = self.state.waivers_in_force(self.now)
        worse = tuple(
            each
            for each in find_worse(running, kept, rules)
            if not any(waiver.covers(each.ids, each.package, each.purl) for waiver in waivers)
        )
        return self._without_cleared(worse) if worse else ()

    @property
    def coming_findings(self) -> ScanFindings | None:
        return self.kept_findings

    @property
    def forward(self) -> bool:
        """Whether the version is newer than the running one; then the rules of promotions apply."""
        if self.current:
            return False
        promotion, running = self.promotion, self.current_promotion
        return goes_forward(
            promotion.sequence if promotion else None, running.sequence if running else None
        )

    @Fact
    def quarantines(self) -> tuple[tuple[str, Quarantine], ...]:
        """The quarantines of the artifact in the target, and of a newer one also before it."""
        earlier = self.path.quarantining(self.target.name) if self.forward else ()
        heads = (self.target_head, *self.each(self._sources.ledger.head, earlier))
        return find_quarantines(heads, str(self.manifest.digest))

    @property
    def current(self) -> bool:
        """Whether the target runs this version and digest, by its ledger."""
        wanted = (str(self.version), str(self.manifest.digest))
        return (self.state.version, self.state.digest) == wanted

    @Fact
    def effect(self) -> Effect:
        if not self.current:
            return Effect.CHANGE
        return Effect.NOTHING if self.latest == self.manifest.digest else Effect.COMPLETE

    @Fact
    def committed_entry(self) -> LedgerEntry | None:
        """The entry that brought this version, if the target runs it."""
        head, sequence = self.target_head, self.state.sequence
        if head is None or sequence is None or not self.current:
            return None
        return self._sources.ledger.entry(head, sequence)

    @Fact
    def rollback_tag(self) -> Tag:
        """
        The next free `<version>-<env>-rollback-<n>`.

        The search starts after the newest record of such a rollback and tries each tag, so its
        cost does not depend on the number of tags in the repository.
        """
        start = self._newest_number() + 1
        for number in range(start, start + _MOST_TAKEN):
            tag = self.target.rollback_tag(self.version, number)
            found = self._sources.registry.resolve(tag)
            if found is None or self._is_leftover(tag, found):
                return tag
        raise ConflictError(
            f"{_MOST_TAKEN} tags from '{self.target.rollback_tag(self.version, start)}' on are "
            "taken: remove those without a record. List them with: floe platform audit verify"
        )

    @Fact
    def recorded_tags(self) -> frozenset[str]:
        """The rollback tags of the newest records."""
        newest = self._sources.ledger.history(self.target.name, _WALK)
        records = (entry.record for entry in newest)
        return frozenset(r.artifact_tag for r in records if isinstance(r, RollbackRecord))

    @Fact
    def impact(self) -> ImpactAnalysis | None:
        """The impact of the rollback; None where nothing runs, or nothing would change."""
        digest = self.state.digest
        if digest is None or self.current or self.promotion is None:
            return None
        content = read_content(self.manifest, self._sources.registry.blob)
        running = self.read_running(Digest(digest))
        return impact_analysis(running, content, self._undone, self.now)

    @property
    def artifact(self) -> Manifest | None:
        return self.manifest

    def _without_cleared(self, worse: tuple[ScanFinding, ...]) -> tuple[ScanFinding, ...]:
        sources = self._sources
        try:
            said = read_vex(sources.verifier, sources.registry, self.manifest.digest, self.now)
        except RegistryAnswerError:
            return worse
        return tuple(each for each in worse if not said.clear(each)) if said else worse

    def _fetch_recorded(self) -> Manifest:
        """Fetch an artifact whose tag is missing, by the digest in its record."""
        head = self.target_head
        entry = self._sources.ledger.find_arrival(head, self.version) if head else None
        digest = entry.record.subject_digest if entry else None
        if entry is None or digest is None:
            raise self._never_promoted_error()
        manifest = self._sources.registry.fetch(Digest(digest))
        if manifest is None:
            raise ContentMissingError(
                f"{self.version} was promoted to {self.target} as {Digest(digest).short} (record "
                f"{entry.record.id}), which is no longer in the registry, and neither is its tag "
                f"'{self.tag}': push the artifact again, or roll back to another version",
                {"version": str(self.version), "digest": digest},
            )
        return manifest

    @property
    def _undone(self) -> list[tuple[str, datetime]]:
        """The newest 200 promotions since that of the version, up to the running one."""
        if self.promotion is None or self.current_promotion is None:
            return []
        newest = self.current_promotion.sequence
        count = min(newest - self.promotion.sequence, _WALK)
        if count <= 0:
            return []
        entries = self._sources.ledger.history(self.target.name, count, before=newest + 1)
        records = (entry.record for entry in entries)
        return [(r.version, r.at) for r in records if isinstance(r, PromotionRecord)]

    def _newest_number(self) -> int:
        """The number of the newest recorded rollback to this version; 0 without one."""
        head, version = self.target_head, str(self.version)
        if head is None:
            return 0
        newest = self._sources.ledger.find(
            head,
            str(self.manifest.digest),
            lambda record: isinstance(record, RollbackRecord) and record.version == version,
        )
        if newest is None or not isinstance(newest.record, RollbackRecord):
            return 0
        try:
            reading = self.path.read(Tag(newest.record.artifact_tag))
        except ValueError:
            return 0
        # Everyone with push access can write a record, so an absurd number is ignored.
        return reading.rollback if reading and reading.rollback <= MOST_ROLLBACKS else 0

    def _is_leftover(self, tag: Tag, found: Digest) -> bool:
        """Whether `tag` is from a run that died before it wrote its record."""
        return found == self.manifest.digest and str(tag) not in self.recorded_tags

    def _never_promoted_error(self) -> VersionNotPromotedError:
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
