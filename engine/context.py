"""The facts of a request: what checks judge by. Planning reads the outside world only here."""

from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from engine.domain.artifact import Digest, Tag, Version, nearest
from engine.domain.compliance import baseline_violations
from engine.domain.environment import Environment
from engine.domain.errors import ArtifactNotFoundError
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.path import NO_ENVIRONMENT, PromotionPath, TagReading
from engine.domain.plan import Effect, GateMode
from engine.domain.record import Previous
from engine.domain.request import Request
from engine.domain.state import EMPTY, EnvironmentState
from engine.facts import Fact, Facts
from engine.ports import GateRunner, GateSubject, LedgerReader, Progress, RegistryReader


@dataclass(frozen=True)
class Sources:
    """Where facts come from. The readers have no write methods: planning cannot change anything."""

    registry: RegistryReader
    ledger: LedgerReader
    gate_runner: GateRunner
    pool: Executor


class Context(Facts):
    """What is known about one request at one time."""

    def __init__(
        self,
        request: Request,
        path: PromotionPath,
        sources: Sources,
        now: datetime,
        progress: Progress,
        mode: GateMode = GateMode.RUN,
    ) -> None:
        super().__init__(sources.pool)
        self.request = request
        self.path = path
        self.now = now
        self.mode = mode
        self.target: Environment = path.environment(request.target)
        self.source: Environment | None = path.before(request.target)
        self._sources = sources
        self._progress = progress

    @property
    def version(self) -> Version:
        return self.request.version

    @property
    def source_tag(self) -> Tag:
        """Where the artifact is taken from: the build's own tag, or the source's tag for it."""
        version = self.version
        return self.source.tag(version) if self.source else version.tag

    @Fact
    def manifest(self) -> Manifest:
        """The artifact, pinned by its digest from here on."""
        manifest = self._sources.registry.fetch(self.source_tag)
        if manifest is None:
            raise self._not_found()
        return manifest

    @Fact
    def occupant(self) -> Digest | None:
        """What already carries the target's tag for this version."""
        return self._sources.registry.resolve(self.target.tag(self.version))

    @Fact
    def target_head(self) -> LedgerEntry | None:
        """The newest record of the target."""
        return self._sources.ledger.head(self.target.name)

    @Fact
    def source_head(self) -> LedgerEntry | None:
        """The newest record of the source; None for the build."""
        return self._sources.ledger.head(self.source.name) if self.source else None

    @Fact
    def source_promotion(self) -> LedgerEntry | None:
        """The newest committed promotion of this very artifact into the source."""
        return self._promotion(self.source_head)

    @Fact
    def target_promotion(self) -> LedgerEntry | None:
        """The newest committed promotion of this artifact into the target, if its tag is there."""
        if self.occupant != self.manifest.digest:
            return None
        return self._promotion(self.target_head)

    @Fact
    def latest(self) -> Digest | None:
        """What deployments of the target follow now."""
        return self._sources.registry.resolve(self.target.latest)

    @Fact
    def effect(self) -> Effect:
        """What is left to do, seen from the ledger and the tags."""
        if self.target_promotion is None or not self.current:
            return Effect.CHANGE
        return Effect.NOTHING if self.latest == self.manifest.digest else Effect.COMPLETE

    @Fact
    def staged(self) -> LedgerEntry | None:
        """The record an interrupted run left behind, not committed yet: a retry takes it up."""
        if self.occupant is None or self.target_promotion is not None:
            return None
        following = self.target_head.sequence + 1 if self.target_head else 1
        return self._sources.ledger.staged(self.target.name, following)

    @Fact
    def compliance(self) -> GateResult:
        """Whether the artifact keeps the rules; the one gate that cannot be switched off."""
        started = monotonic()
        violations = baseline_violations(self.manifest, self._sources.registry.blob)
        return GateResult(
            gate=GateKind.POLICY_COMPLIANCE,
            status=GateStatus.FAILED if violations else GateStatus.PASSED,
            duration_ms=int((monotonic() - started) * 1000),
            error="; ".join(violations) or None,
        )

    @Fact
    def gate_results(self) -> tuple[GateResult, ...]:
        """The command gates of the target, run on the artifact by its digest."""
        digest = self.manifest.digest
        subject = GateSubject(
            reference=f"{self._sources.registry.reference}@{digest}",
            digest=digest,
            tag=self.source_tag,
            version=str(self.version),
            source=self.request.source,
            target=self.target.name,
        )
        return self._sources.gate_runner.run(self.target.gates, subject, self._progress)

    @property
    def state(self) -> EnvironmentState:
        """The target as its ledger says."""
        return self.target_head.state if self.target_head else EMPTY

    @property
    def current(self) -> bool:
        """Whether the target runs this very version and digest by its ledger."""
        wanted = (str(self.version), str(self.manifest.digest))
        return (self.state.version, self.state.digest) == wanted

    @property
    def previous(self) -> Previous | None:
        state = self.state
        if state.version is None or state.digest is None:
            return None
        return Previous(version=state.version, digest=state.digest)

    def _promotion(self, head: LedgerEntry | None) -> LedgerEntry | None:
        return self._sources.ledger.promotion(head, self.manifest.digest) if head else None

    def _not_found(self) -> ArtifactNotFoundError:
        tag = self.source_tag
        near = nearest(self.version, self._published())
        hint = f"Nearest there: {', '.join(map(str, near))}" if near else "No version is there"
        return ArtifactNotFoundError(
            f"There is no '{tag}' in {self._sources.registry.reference}. {hint}",
            {"tag": str(tag), "nearest": [str(version) for version in near]},
        )

    def _published(self) -> list[Version]:
        """Every version the source has: what else could have been meant."""
        tags = self._sources.registry.tags()
        wanted = self.source.name if self.source else NO_ENVIRONMENT
        readings = [self.path.read(tag) or _unpromoted(tag) for tag in tags]
        return [r.version for r in readings if r and r.environment == wanted and not r.rollback]


def _unpromoted(tag: Tag) -> TagReading | None:
    """A tag that is just a version: what the build pushed."""
    try:
        return TagReading(Version(tag.name), NO_ENVIRONMENT)
    except ValueError:
        return None
