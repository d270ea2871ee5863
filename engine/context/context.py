"""The context of any request: the target and its state on the ledger."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic

from typing_extensions import TypeVar

from engine.context.comparison import read_build, read_findings_of
from engine.context.facts import Fact, Facts
from engine.context.loosened_rules import RuleHistory
from engine.domain.artifact import Digest
from engine.domain.break_glass import OpenReview
from engine.domain.environment import Enforcement, Environment
from engine.domain.errors import RegistryAnswerError, RegistryError
from engine.domain.identity import Directory
from engine.domain.impact.content import Content, read_content
from engine.domain.impact.delta import Build, Delta, make_delta
from engine.domain.ledger import ChainEnd, LedgerEntry
from engine.domain.manifest import Manifest, ManifestView
from engine.domain.path import PromotionPath
from engine.domain.plan import Effect, GateMode
from engine.domain.record import AnyRecord, Previous
from engine.domain.request import PromotionRequest, Request, RollbackRequest
from engine.domain.rights import Rights
from engine.domain.scan import ScanFindings
from engine.domain.signature import SignatureVerdict
from engine.domain.state import EMPTY, EnvironmentState, LockState, lock_in_force
from engine.domain.status import Alignment, EnvironmentStatus
from engine.domain.trace import SPAN_VERIFY
from engine.domain.windows import Reading
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
from engine.ports.calendars import NO_CALENDARS, Calendars, read_calendars
from engine.ports.telemetry import NO_SPAN, Span
from engine.tracing import TracedProgress

R = TypeVar("R", bound=Request, default=Request, covariant=True)
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
    rules: RuleHistory | None = None
    calendars: Calendars = NO_CALENDARS


class Context(Facts, Generic[R]):
    """The facts about one `request` at one time."""

    def __init__(
        self,
        request: R,
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
        self.directory = sources.directory
        self.rights = sources.rights
        self._requested_at = (
            request.asked_at if isinstance(request, PromotionRequest | RollbackRequest) else None
        )
        # Locks and keys have no version.
        self._version = str(getattr(request, "version", ""))
        self.glass: str | None = (
            request.break_glass if isinstance(request, PromotionRequest | RollbackRequest) else None
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
    def open_reviews(self) -> Mapping[str, tuple[OpenReview, ...] | RegistryError]:
        """
        The open reviews of each environment, or why its ledger cannot be read.

        They are read for a break-glass only, which an unreadable ledger of the target stops.
        """
        if not self.glass:
            return {}
        found: dict[str, tuple[OpenReview, ...] | RegistryError] = {}
        found[self.target.name] = self.state.reviews
        for name in self.path.names:
            if name not in found:
                try:
                    head = self._sources.ledger.end(name).head
                except RegistryError as error:
                    found[name] = error
                else:
                    found[name] = head.state.reviews if head else ()
        return found

    @Fact
    def loosened_rules(self) -> tuple[str, ...]:
        """Warnings about rules that are looser than at the newest change of the target."""
        rules = self._sources.rules
        return rules.warnings(self._sources.ledger, self.target_head) if rules else ()

    @Fact
    def calendars(self) -> Mapping[str, Reading]:
        """The occurrences of the windows of the target that come from calendars."""
        return read_calendars(self._sources.calendars, self.target.windows, self.now)

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
    def current_promotion(self) -> LedgerEntry | None:
        """The promotion of the version that the target runs now."""
        head, state = self.target_head, self.state
        if head is None or state.digest is None:
            return None
        return self._sources.ledger.find_promotion(head, Digest(state.digest), state.version)

    @Fact
    def running_findings(self) -> ScanFindings | None:
        """The kept findings of the running version; None without any, or without a scan here."""
        if self.target.scan_rules is None or self.replaced is None:
            return None
        return read_findings_of(self._sources.registry, self.current_promotion)

    @Fact
    def running_build(self) -> Build | None:
        """The running artifact; None where builds are not compared."""
        if not self.target.compares_builds or self.replaced is None:
            return None
        digest, version = Digest(self.replaced.digest), self.replaced.version
        return read_build(self._sources.registry, digest, version)

    @Fact
    def coming_build(self) -> Build | None:
        """The artifact of the request; None where builds are not compared."""
        if not self.target.compares_builds or self.replaced is None or self.artifact is None:
            return None
        return read_build(self._sources.registry, self.artifact, self._version)

    @property
    def coming_findings(self) -> ScanFindings | None:
        """The findings of the artifact of the request; None if they are not known."""
        return None

    @property
    def replaced(self) -> Previous | None:
        """The running version, if it has another digest than the artifact of the request."""
        artifact, previous = self.artifact, self.previous
        other = artifact and previous and previous.digest != str(artifact.digest)
        return previous if other else None

    def delta(self) -> Delta | None:
        """The differences from the running version, as far as facts about them were read."""
        replaced, artifact = self.replaced, self.artifact
        if replaced is None or artifact is None:
            return None
        scans = None
        if self.target.scan_rules and self.is_read(Context.running_findings):
            scans = self.running_findings, self.coming_findings
        old, new = self.peek(Context.running_build), self.peek(Context.coming_build)
        coming = Previous(version=self._version, digest=str(artifact.digest))
        return make_delta(replaced, coming, scans, (old, new) if old and new else None)

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
