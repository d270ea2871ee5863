"""The facts of a promotion."""

from collections import defaultdict
from datetime import datetime
from statistics import median
from time import monotonic

from engine.context.context import Context, Sources
from engine.context.facts import Fact
from engine.context.not_found import not_found
from engine.domain.artifact import Digest, Tag, Version
from engine.domain.compliance import baseline_violations
from engine.domain.environment import Environment
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.impact.analysis import ImpactAnalysis, impact_analysis
from engine.domain.impact.content import read_content
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.path import NO_ENVIRONMENT, PromotionPath
from engine.domain.plan import Effect, GateMode
from engine.domain.policy import PolicySubject
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.request import PromotionRequest
from engine.domain.trace import SPAN_GATE
from engine.ports import GateSubject, Progress
from engine.tracing import note_gate

# By how many of the newest records it is judged how long a gate usually takes.
_RUNS = 20
# In how many of the newest records the versions are looked for that an older one undoes.
_UNDONE = 200


class PromotionContext(Context):
    """What is known about one promotion at one time."""

    def __init__(
        self,
        request: PromotionRequest,
        path: PromotionPath,
        sources: Sources,
        now: datetime,
        progress: Progress,
        mode: GateMode = GateMode.RUN,
    ) -> None:
        super().__init__(request, path, sources, now, progress, mode)
        self.version = request.version
        self._asked = request
        self.source: Environment | None = path.before(request.target)

    @property
    def source_tag(self) -> Tag:
        """Where the artifact is taken from: the build's own tag, or the source's tag for it."""
        version = self.version
        return self.source.tag(version) if self.source else version.tag

    @Fact
    def manifest(self) -> Manifest:
        """The artifact, pinned by its digest from here on."""
        registry, tag = self._sources.registry, self.source_tag
        manifest = registry.fetch(tag)
        if manifest is None:
            tags = registry.tags()
            # A registry on a file system loses sight of a manifest that is being tagged elsewhere.
            manifest = registry.fetch(tag) if tag in tags else None
            if manifest is None:
                raise not_found(self.path, self.version, self.target, registry.reference, tags)
        return manifest

    @Fact
    def occupant(self) -> Digest | None:
        """What already carries the target's tag for this version."""
        return self._sources.registry.resolve(self.target.tag(self.version))

    @Fact
    def source_head(self) -> LedgerEntry | None:
        """The newest record of the source; None for the build."""
        if self.source is None:
            return None
        # Nobody holds the source's lease for us: "no history" may be a head that just moves.
        name, ledger = self.source.name, self._sources.ledger
        return ledger.head(name) or ledger.head(name)

    @Fact
    def source_promotion(self) -> LedgerEntry | None:
        """The newest committed promotion of this very artifact into the source."""
        if self.source == self.path.entry and not self.target.separation_of_duties:
            # Builds publish into the first environment; only the duties ask who promoted there.
            return None
        return self._promotion(self.source_head)

    @Fact
    def source_entry(self) -> LedgerEntry | None:
        """As `source_promotion`, under this version: what its tag in the source stands for."""
        newest = self.source_promotion
        if newest is None or _version(newest) == str(self.version):
            return newest
        return self._promotion(self.source_head, str(self.version))

    @Fact
    def source_record(self) -> LedgerEntry | None:
        """The newest record that brought this version to the source, with whatever content."""
        if self.source_head is None or self.source_entry is not None:
            return self.source_entry
        return self._sources.ledger.arrival(self.source_head, self.version)

    @Fact
    def target_record(self) -> LedgerEntry | None:
        """The newest record that brought this version to the target, with whatever content."""
        if self.target_head is None or self.target_promotion is not None:
            return self.target_promotion
        return self._sources.ledger.arrival(self.target_head, self.version)

    @Fact
    def target_promotion(self) -> LedgerEntry | None:
        """The newest committed promotion of this version into the target, if its tag is there."""
        if self.occupant != self.manifest.digest:
            return None
        return self._promotion(self.target_head, str(self.version))

    @Fact
    def source_rollback(self) -> LedgerEntry | None:
        """
        The rollback that took this artifact away from the source, unless it was brought there
        again since. The ledger is read back to the newest record about it.
        """
        head, digest = self.source_head, str(self.manifest.digest)
        if head is None or head.state.digest == digest or not head.state.may_have_had(self.version):
            return None
        newest = self._sources.ledger.newest(head, lambda record: _concerns(record, digest))
        brought = newest is None or newest.record.subject_digest == digest
        return None if brought else newest

    @property
    def running_version(self) -> Version | None:
        """What the target runs, where that is a semantic version: only those have an order."""
        try:
            return Version(self.state.version or "")
        except ValueError:
            return None

    @property
    def older(self) -> bool:
        """Whether the target runs a version of higher precedence."""
        running = self.running_version
        return running is not None and self.version.precedes(running)

    @Fact
    def impact(self) -> ImpactAnalysis | None:
        """What going to an older version undoes, where that is allowed."""
        digest = self.state.digest
        allowed = self._asked.overrides.allow_older and self.older and self.target_record is None
        if digest is None or not allowed:
            return None
        content = read_content(self.manifest, self._sources.registry.blob)
        return impact_analysis(self.running(Digest(digest)), content, self._undone(), self.now)

    def _undone(self) -> list[tuple[str, datetime]]:
        """The promotions of newer versions, among the newest records."""
        entries = self._sources.ledger.history(self.target.name, _UNDONE)
        records = [e.record for e in entries if isinstance(e.record, PromotionRecord)]
        return [(r.version, r.at) for r in records if _newer(r.version, self.version)]

    @Fact
    def effect(self) -> Effect:
        """What is left to do, seen from the ledger and the tags."""
        if self.target_promotion is None or not self.current:
            return Effect.CHANGE
        return Effect.NOTHING if self.latest == self.manifest.digest else Effect.COMPLETE

    @Fact
    def staged(self) -> LedgerEntry | None:
        """The record an interrupted run left behind, not committed yet: a retry takes it up."""
        if self.occupant is None or self.effect is not Effect.CHANGE:
            return None
        following = self.target_head.sequence + 1 if self.target_head else 1
        return self._sources.ledger.staged(self.target.name, following)

    @Fact
    def compliance(self) -> GateResult:
        """Whether the artifact keeps the rules; the one gate that cannot be switched off."""
        kind, started = GateKind.POLICY_COMPLIANCE, monotonic()
        with self._sources.span.span(f"{SPAN_GATE}{kind.value}", gate_type=kind.value) as span:
            problems, warnings = self._judged()
            status = GateStatus.WARNING if warnings else GateStatus.PASSED
            result = GateResult(
                gate=kind,
                status=GateStatus.FAILED if problems else status,
                duration_ms=int((monotonic() - started) * 1000),
                error="; ".join(problems or warnings) or None,
            )
            note_gate(span, result)
        return result

    def _judged(self) -> tuple[list[str], list[str]]:
        """What blocks and what is only shown: the baseline rules first, then the policies."""
        blob = self._sources.registry.blob
        baseline = list(baseline_violations(self.manifest, blob))
        if baseline:
            # Policies are about an artifact, and this is none or cannot be believed.
            return baseline, []
        source = self.source.name if self.source else NO_ENVIRONMENT
        subject = PolicySubject(self.manifest, str(self.version), source, self.target.name, blob)
        violations = self._sources.enforcer.enforce(subject).violations
        return (
            [str(each) for each in violations if each.severity == "error"],
            [str(each) for each in violations if each.severity == "warning"],
        )

    @Fact
    def usual_seconds(self) -> dict[GateKind, float]:
        """What each gate of the target took in its newest runs there: the median."""
        if not self.target.gates:
            return {}
        newest = self._sources.ledger.history(self.target.name, _RUNS)
        ran: dict[GateKind, list[float]] = defaultdict(list)
        for entry in newest:
            if isinstance(entry.record, PromotionRecord):
                for result in entry.record.gate_results:
                    if result.status is not GateStatus.SKIPPED:
                        ran[result.gate].append(result.duration_ms / 1000)
        return {kind: median(seconds) for kind, seconds in ran.items()}

    @Fact
    def gate_results(self) -> tuple[GateResult, ...]:
        """The command gates of the target, run on the artifact by its digest."""
        digest = self.manifest.digest
        subject = GateSubject(
            reference=f"{self._sources.registry.reference}@{digest}",
            digest=digest,
            tag=self.source_tag,
            version=str(self.version),
            source=self.source.name if self.source else NO_ENVIRONMENT,
            target=self.target.name,
        )
        return self._sources.gate_runner.run(self.target.gates, subject, self._progress)

    @property
    def current(self) -> bool:
        """Whether the target runs this very version and digest by its ledger."""
        wanted = (str(self.version), str(self.manifest.digest))
        return (self.state.version, self.state.digest) == wanted

    @property
    def artifact(self) -> Manifest | None:
        return self.manifest

    @property
    def committed_entry(self) -> LedgerEntry | None:
        return self.target_promotion

    @property
    def staged_entry(self) -> LedgerEntry | None:
        return self.staged

    def _promotion(
        self, head: LedgerEntry | None, version: str | None = None
    ) -> LedgerEntry | None:
        if head is None:
            return None
        return self._sources.ledger.promotion(head, self.manifest.digest, version)


def _version(entry: LedgerEntry) -> str | None:
    return entry.record.version if isinstance(entry.record, PromotionRecord) else None


def _concerns(record: AnyRecord, digest: str) -> bool:
    """Whether `record` brings `digest` to its environment, or takes it away by a rollback."""
    moves = isinstance(record, PromotionRecord | RollbackRecord)
    left = isinstance(record, RollbackRecord) and record.previous_digest == digest
    return moves and (record.subject_digest == digest or left)


def _newer(text: str, version: Version) -> bool:
    try:
        return version.precedes(Version(text))
    except ValueError:
        return False
