"""The context of any request: the target and its state on the ledger."""

from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime

from engine.context.facts import Fact, Facts
from engine.domain.artifact import Digest
from engine.domain.environment import Enforcement, Environment
from engine.domain.errors import RegistryAnswerError
from engine.domain.identity import Directory
from engine.domain.impact.content import Content, read_content
from engine.domain.ledger import ChainEnd, LedgerEntry
from engine.domain.manifest import Manifest, ManifestView
from engine.domain.path import PromotionPath
from engine.domain.plan import Effect, GateMode
from engine.domain.record import AnyRecord, Previous
from engine.domain.request import PromotionRequest, Request, RollbackRequest
from engine.domain.rights import Rights
from engine.domain.signature import SignatureVerdict
from engine.domain.state import EMPTY, EnvironmentState, LockState, lock_in_force
from engine.domain.status import Alignment, EnvironmentStatus
from engine.domain.trace import SPAN_VERIFY
from engine.ports import (
    GateRunner,
    LedgerReader,
    NoPolicies,
    NoVerifier,
    PolicyEnforcer,
    Progress,
    RegistryReader,
    Verifier,
)
from engine.ports.telemetry import NO_SPAN, Span
from engine.tracing import TracedProgress

_UNREAD = ManifestView(schema_version=2)


@dataclass(frozen=True)
class Sources:
    """The sources of facts. The readers have no write methods, so planning changes nothing."""

    registry: RegistryReader
    ledger: LedgerReader
    gate_runner: GateRunner
    pool: Executor
    directory: Directory = field(default_factory=Directory)
    rights: Rights = field(default_factory=Rights)
    verifier: Verifier = field(default_factory=NoVerifier)
    enforcer: PolicyEnforcer = field(default_factory=NoPolicies)
    span: Span = NO_SPAN


class Context(Facts):
    """The facts about one request at one time."""

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
        self.path = path
        self.now = now
        self.mode = mode
        self.target: Environment = path.environment(request.target)
        self.directory = sources.directory
        self.rights = sources.rights
        self._requested_at = (
            request.asked_at if isinstance(request, PromotionRequest | RollbackRequest) else None
        )
        self._sources = sources
        self._progress = TracedProgress(progress, sources.span)

    @Fact
    def target_end(self) -> ChainEnd:
        """The end of the target's ledger."""
        return self._sources.ledger.end(self.target.name)

    @Fact
    def target_head(self) -> LedgerEntry | None:
        """The newest entry of the target's ledger."""
        return self.target_end.head

    @Fact
    def newest_change(self) -> LedgerEntry | None:
        """The newest promotion or rollback of the target, if it is newer than the request."""
        head, state = self.target_head, self.state
        if self._requested_at is None or head is None or state.sequence is None:
            return None
        if state.since is not None and state.since <= self._requested_at:
            return None
        return self._sources.ledger.entry(head, state.sequence)

    @Fact
    def signature(self) -> SignatureVerdict | None:
        """The verified signature; None, without a request, where the target needs none (FR-021)."""
        artifact = self.artifact
        if artifact is None or self.target.signature is Enforcement.OFF:
            return None
        enforcement = self.target.signature.value
        with self._sources.span.span(SPAN_VERIFY, enforcement_mode=enforcement) as span:
            verdict = self._sources.verifier.verify(self._sources.registry, artifact)
            span.set_attributes(cached=verdict.cached)
        return verdict

    @Fact
    def latest(self) -> Digest | None:
        """The digest of `latest`, which deployments of the target follow."""
        return self._sources.registry.resolve(self.target.latest)

    @Fact
    def effect(self) -> Effect:
        """The part of the request that is not done yet."""
        return Effect.CHANGE

    def read_running(self, digest: Digest) -> Content:
        """Read the running artifact. If it is missing or altered, its content is opaque."""
        registry = self._sources.registry
        try:
            manifest = registry.fetch(digest)
        except RegistryAnswerError as error:
            return Content(_UNREAD, opaque=str(error))
        if manifest is None:
            return Content(_UNREAD, opaque="it is no longer in the registry")
        return read_content(manifest, registry.blob)

    @property
    def state(self) -> EnvironmentState:
        """The state of the target on its ledger."""
        return self.target_head.state if self.target_head else EMPTY

    @property
    def alignment(self) -> Alignment:
        """The relation of `latest` to the ledger; needs the fact `latest`."""
        return EnvironmentStatus(self.target.name, self.state, self.latest, None).alignment

    @property
    def drifted(self) -> bool:
        """Whether `latest` was moved outside floe; needs the fact `latest`."""
        return self.alignment is Alignment.DRIFTED

    @property
    def interrupted(self) -> bool:
        """Whether the newest change may lack its last steps; `latest` shows it only if read."""
        behind = self.is_read(Context.latest) and self.alignment is Alignment.COMPLETING
        return behind or not self.target_end.hinted

    @property
    def lock(self) -> LockState | None:
        """The lock in force on the target."""
        return lock_in_force(self.target, self.state, self.now)

    @property
    def previous(self) -> Previous | None:
        """The version that the target runs before the change."""
        state = self.state
        if state.version is None or state.digest is None:
            return None
        return Previous(version=state.version, digest=state.digest)

    @property
    def artifact(self) -> Manifest | None:
        """The artifact of the request, pinned by its digest; None for lock and unlock."""
        return None

    @Fact
    def committed_entry(self) -> LedgerEntry | None:
        """The committed entry of an earlier run of the same request, if any."""
        return None

    @property
    def committed(self) -> AnyRecord | None:
        """The committed record of an earlier run of the same request, if any."""
        return self.committed_entry.record if self.committed_entry else None
