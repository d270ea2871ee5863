"""The engine's interface for Slack, web, API and CLI: runs, status, history and audits."""

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from engine.domain.artifact import Tag, Version
from engine.domain.audit import Anchor, AuditReport
from engine.domain.environment import Enforcement, Environment, tags_of
from engine.domain.errors import ArtifactNotFoundError, SignatureVerificationError
from engine.domain.identity import Directory
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.mirroring import SyncReport
from engine.domain.path import PromotionPath
from engine.domain.plan import GateMode, Plan
from engine.domain.policy_document import PolicyDocument
from engine.domain.request import Request
from engine.domain.result import Result
from engine.domain.rights import Rights
from engine.domain.selection import Selection
from engine.domain.signature import SignatureVerdict
from engine.domain.status import EnvironmentStatus
from engine.domain.windows import Outlook
from engine.execution.recovery import complete_interrupted
from engine.execution.runner import Runner
from engine.execution.status import read_status, read_windows
from engine.ports import Progress
from engine.ports.telemetry import Metrics
from engine.ports.webhooks import WebhookSender

if TYPE_CHECKING:  # few commands need these
    from engine.audit.checkpoints import SignedCheckpoint
    from engine.domain.change import Change
    from engine.domain.promotion_proof import PromotionProof
    from engine.domain.tlog.checkpoint import Checkpoint
    from engine.execution.version_comparer import VersionComparer
    from engine.execution.version_reader import VersionReader

Result_ = TypeVar("Result_")


@dataclass(frozen=True)
class Engine:
    """
    Plans and carries out requests, and reads status, history and audits.

    Slack, web and CLI import only this module, `bootstrap`, `config`, `responses`, `runtime`,
    `domain`, and the value types of `ports`. Requests that a check blocks return a Result with an
    `error`; conditions that prevent an answer raise a PromotionError.
    """

    runner: Runner
    # Threads for work that waits for the threads of `runner`.
    workers: Executor | None = None
    # Records the refusals of a plan or change, as far as possible; it raises nothing.
    refused: "Callable[[Plan | Change], None]" = lambda _refused: None

    @property
    def path(self) -> PromotionPath:
        """The environments of this platform, in their order."""
        return self.runner.path

    @property
    def rights(self) -> Rights:
        """The rules of manifest.yaml for operators."""
        return self.runner.rights

    @property
    def directory(self) -> Directory:
        """The aliases and groups of operators."""
        return self.runner.directory

    @property
    def reference(self) -> str:
        """The registry and repository, as `host/repository`."""
        return self.runner.registry.reference

    @property
    def metrics(self) -> Metrics:
        """The counters of this process."""
        return self.runner.metrics

    @property
    def webhooks(self) -> WebhookSender:
        """The outbox of webhooks: failed and waiting deliveries, and redelivery."""
        return self.runner.webhook_sender

    def now(self) -> datetime:
        """Return the present time in UTC."""
        return self.runner.clock.now()

    def submit(self, work: Callable[..., Result_], *arguments: object) -> "Future[Result_]":
        """Run `work` in a thread of the engine."""
        return (self.workers or self.runner.pool).submit(work, *arguments)

    def plan(self, request: Request, progress: Progress, mode: GateMode = GateMode.RUN) -> Plan:
        """Judge `request` without any write; see `Runner.plan`."""
        return self.runner.plan(request, progress, mode)

    def run(self, request: Request, progress: Progress) -> Result:
        """Plan and execute `request`, and record its refusals; see `Runner.run`."""
        return self._recorded(self.runner.run(request, progress))

    def execute(self, plan: Plan, progress: Progress) -> Result:
        """Carry out `plan`, or record its refusals; see `Runner.execute`."""
        return self._recorded(self.runner.execute(plan, progress))

    def _recorded(self, result: Result) -> Result:
        if result.error is not None:
            self.refused(result.plan)
        return result

    def stop_gates(self) -> None:
        """End all running gates; the next server runs them again."""
        self.runner.gate_runner.stop()

    def status(self, environment: str | None = None) -> tuple[EnvironmentStatus, ...]:
        """
        Read the status of all environments, or of one; two requests each, in parallel.

        An environment that cannot be read is a row with its error. RegistryError if
        none can be read, unless their ledgers are corrupt.
        """
        return read_status(self.runner, self._environments(environment))

    @cached_property
    def versions(self) -> "VersionReader":
        """The reader of the published versions, which keeps them for a minute."""
        from engine.execution.version_reader import VersionReader

        return VersionReader(self.runner, self.submit, self.status)

    @cached_property
    def comparer(self) -> "VersionComparer":
        """The comparer of versions and artifacts, which caches its results."""
        from engine.execution.version_comparer import VersionComparer

        return VersionComparer(self.runner, self.artifact)

    def _environments(self, environment: str | None) -> tuple[Environment, ...]:
        path = self.path
        return path.environments if environment is None else (path.environment(environment),)

    def windows(self, environment: str | None = None) -> "Mapping[str, tuple[Outlook, ...]]":
        """Read the freeze windows of all environments, or of one; the registry is not asked."""
        return read_windows(self.runner, self._environments(environment))

    def history(
        self, environment: str | None = None, limit: int = 20, before: int | None = None
    ) -> tuple[LedgerEntry, ...]:
        """
        Read the newest `limit` records, newest first, of one environment (for the next page, those
        before sequence `before`) or of all together.
        """
        ledger = self.runner.ledger
        if environment is not None:
            return ledger.history(self.path.environment(environment).name, limit, before)
        pages = self.runner.pool.map(lambda name: ledger.history(name, limit), self.path.names)
        entries = (entry for page in pages for entry in page)
        return tuple(sorted(entries, key=lambda e: e.record.at, reverse=True)[:limit])

    def audit(
        self, selection: Selection, limit: int | None = None
    ) -> Generator[LedgerEntry, None, None]:
        """
        Yield the newest `limit` records that match `selection`, or all of them, newest first.

        The ledgers are read on demand; a caller that stops early closes the generator.
        """
        from engine.audit.history import select_entries  # few commands need it

        names = [each.name for each in self._environments(selection.environment)]
        return select_entries(self.runner.ledger, names, selection, limit)

    def entry(self, environment: str, sequence: int) -> LedgerEntry | None:
        """Read the entry at `sequence`, proven by the head; LedgerUnreadableError if corrupt."""
        head = self.runner.ledger.head(self.path.environment(environment).name)
        if head is None or not 0 < sequence <= head.sequence:
            return None
        return self.runner.ledger.entry(head, sequence)

    def artifact(self, version: Version, environment: str | None = None) -> tuple[Tag, Manifest]:
        """
        Find the tag and manifest of `version` in `environment`; without one, under its own tag,
        else in the first environment that has it. ArtifactNotFoundError if there is none.
        """
        tags = list(tags_of(version, self._environments(environment)))
        for tag in tags if environment else [version.tag, *tags]:
            manifest = self.runner.registry.fetch(tag)
            if manifest is not None:
                return tag, manifest
        where = f"in {environment}" if environment else "under its own tag or in any environment"
        raise ArtifactNotFoundError(
            f"There is no {version} {where} in {self.runner.registry.reference}",
            {"version": str(version), "tags": [*map(str, tags)]},
        )

    def signature(self, manifest: Manifest) -> SignatureVerdict:
        """Verify the signatures of `manifest`; UnconfiguredError without a configured key."""
        return self.runner.verifier.verify(self.runner.registry, manifest)

    def examine(
        self, manifest: Manifest, environment: str | None, key: bytes | None = None
    ) -> tuple[SignatureVerdict | None, "PromotionProof | None"]:
        """Verify signatures and promotion of `manifest`; see `examine_artifact`."""
        from engine.execution.promotion_proof import examine_artifact  # slow to import

        name = None if environment is None else self.path.environment(environment).name
        return examine_artifact(self.runner, manifest, name, key)

    def required_signature(
        self, manifest: Manifest, environment: str | None = None
    ) -> SignatureVerdict | None:
        """
        Verify `manifest` by the rules of `environment`, or by the strictest of all environments.

        None where no signature is required; SignatureVerificationError where one is enforced and
        none is good.
        """
        asked = {place.signature for place in self._environments(environment)}
        if asked == {Enforcement.OFF}:
            return None
        verdict = self.signature(manifest)
        if Enforcement.ENFORCE in asked and not verdict.verified:
            raise SignatureVerificationError(verdict.refusal)
        return verdict

    def pull(self, manifest: Manifest, target: Path, progress: Progress) -> tuple[str, ...]:
        """Write all layers of `manifest` into the directory `target`, or none; see `pull`."""
        from engine.download import pull  # few commands need it

        return pull(self.runner.registry, manifest, target, progress)

    def complete_interrupted(self) -> tuple[str, ...]:
        """Move `latest` where a run died before it did; see `recovery.complete_interrupted`."""
        return complete_interrupted(self.runner)

    def verify(
        self,
        environment: str | None,
        progress: Progress,
        anchors: Sequence[Anchor] = (),
        full: bool = False,
    ) -> AuditReport:
        """Verify the ledgers of one or all environments (FR-026); see `verify_ledgers`."""
        from engine.execution.ledger_audits import verify_ledgers  # slow to import

        return verify_ledgers(self.runner, self._environments(environment), progress, anchors, full)

    def make_checkpoints(self, environment: str | None = None) -> tuple["SignedCheckpoint", ...]:
        """Sign the ledgers of one or all environments, and store these checkpoints."""
        from engine.execution.ledger_audits import make_checkpoints

        return make_checkpoints(self.runner, self._environments(environment))

    def export(
        self, environment: str | None, target: Path, progress: Progress
    ) -> tuple["Checkpoint", ...]:
        """Write the ledgers of one or all environments into the directory `target`."""
        from engine.execution.ledger_audits import export_ledgers

        return export_ledgers(self.runner, self._environments(environment), target, progress)

    def policy(self, reference: str) -> PolicyDocument:
        """Read the policy of a record, by its digest or by an entry; see `read_policy`."""
        from engine.execution.ledger_audits import read_policy

        return read_policy(self.runner, reference)

    def accept_ledger(self, environment: str) -> None:
        """Accept a ledger that was restored from a backup: forget its newest head and claims."""
        for seen in (self.runner.heads, self.runner.claims):
            seen.forget(self.path.environment(environment).name)

    def sync(
        self, environment: str | None, progress: Progress, *, published: bool = False
    ) -> SyncReport:
        """
        Copy all missing content to the secondaries, with `published` also versions without a
        record; see `sync_secondaries`.
        """
        from engine.execution.secondary_sync import sync_secondaries  # slow to import

        places = self._environments(environment)
        return sync_secondaries(self.runner, places, progress, published=published)
