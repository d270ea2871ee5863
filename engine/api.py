"""The engine's interface for Slack, web, API and CLI: runs, status, history and audits."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from engine.audit.history import select_entries
from engine.audit.verification import Verification
from engine.changes.decisions import Changes
from engine.changes.foreground import Foreground
from engine.changes.gate_events import kept_output
from engine.changes.memberships import Memberships
from engine.changes.worker import Worker
from engine.changes.workflow import Progression
from engine.context.restore import version_of
from engine.domain.artifact import Digest, Tag, Version
from engine.domain.audit import AuditReport
from engine.domain.environment import Enforcement, Environment
from engine.domain.errors import (
    ArtifactNotFoundError,
    ContentMissingError,
    LedgerUnreadableError,
    PromotionError,
    RegistryError,
    SignatureVerificationError,
)
from engine.domain.gate import GateKind
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.mirroring import SyncReport
from engine.domain.plan import Plan
from engine.domain.selection import Selection
from engine.domain.signature import SignatureVerdict
from engine.domain.state import EMPTY, lock_in_force
from engine.domain.status import EnvironmentStatus
from engine.download import pull
from engine.execution.recovery import complete_interrupted
from engine.execution.runner import Runs
from engine.ports import Progress
from engine.ports.change_store import OUTPUTS_KEPT, ChangeStore
from engine.secondaries.outcomes import outcomes_of
from engine.secondaries.repair import Repair

# Errors of one ledger, with which the registry itself still works.
_OF_ONE_LEDGER = (LedgerUnreadableError, ContentMissingError)


@dataclass(frozen=True)
class Engine(Runs):
    """
    The engine: `plan`, `execute` and `run` of Runs, and all reads.

    Bot, web and CLI import only this module, `bootstrap`, `config` and `domain`.
    """

    def status(self, environment: str | None = None) -> tuple[EnvironmentStatus, ...]:
        """
        Read the status of all environments, or of one; two requests each, in parallel.

        An environment that cannot be read is a row with its error. RegistryError if
        none can be read, unless their ledgers are corrupt.
        """
        asked = self._environments(environment)
        heads = [self.pool.submit(self.ledger.head, place.name) for place in asked]
        latest = [self.pool.submit(self.registry.resolve, place.latest) for place in asked]
        now = self.clock.now()
        rows = tuple(
            self._row(place, now, head, tag)
            for place, head, tag in zip(asked, heads, latest, strict=True)
        )
        errors = [row.error for row in rows if row.error]
        unreachable = [each for each in errors if not isinstance(each, _OF_ONE_LEDGER)]
        if unreachable and len(errors) == len(rows):
            raise unreachable[0]
        return rows

    def add_published(self, rows: tuple[EnvironmentStatus, ...]) -> tuple[EnvironmentStatus, ...]:
        """
        Add to `rows` the newest version that the build published into the first environment, if
        nothing was ever promoted there: one listing of the tags. `rows` if they cannot be listed.
        """
        first = self.path.environments[0].name
        if not any(row.name == first and row.awaits_build for row in rows):
            return rows
        try:
            readings = [self.path.read(tag) for tag in self.registry.tags()]
        except RegistryError:
            return rows
        found = [r.version for r in readings if r and r.environment == first]
        newest = str(max(found, key=lambda version: version.precedence)) if found else None
        return tuple(replace(r, published=newest) if r.name == first else r for r in rows)

    def _environments(self, environment: str | None) -> tuple[Environment, ...]:
        if environment is None:
            return self.path.environments
        return (self.path.environment(environment),)

    def _row(
        self,
        place: Environment,
        now: datetime,
        head: "Future[LedgerEntry | None]",
        latest: "Future[Digest | None]",
    ) -> EnvironmentStatus:
        try:
            entry, digest = head.result(), latest.result()
            state = entry.state if entry else EMPTY
            lock = lock_in_force(place, state, now)
            synced = self.secondaries.standing(entry)
            row = EnvironmentStatus(place.name, state, digest, lock, synced)
            return self._with_version(row, entry)
        except RegistryError as error:
            lock = lock_in_force(place, EMPTY, now)
            return EnvironmentStatus(place.name, EMPTY, None, lock, error=error)

    def _with_version(self, row: EnvironmentStatus, head: LedgerEntry | None) -> EnvironmentStatus:
        """Add the version of a `latest` that deviates from the ledger to `row`."""
        if row.latest is None or not row.deviates:
            return row
        version = version_of(row.latest, row.name, head, self.path, self.registry, self.ledger)
        return replace(row, latest_version=version)

    def history(
        self, environment: str | None = None, limit: int = 20, before: int | None = None
    ) -> tuple[LedgerEntry, ...]:
        """
        Read the newest `limit` records, newest first, of one environment (for the next page, those
        before sequence `before`) or of all together.
        """
        if environment is not None:
            return self.ledger.history(self.path.environment(environment).name, limit, before)
        pages = self.pool.map(lambda name: self.ledger.history(name, limit), self.path.names)
        merged = sorted(
            (e for page in pages for e in page), key=lambda e: e.record.at, reverse=True
        )
        return tuple(merged[:limit])

    def audit(
        self, selection: Selection, limit: int | None = None
    ) -> Generator[LedgerEntry, None, None]:
        """
        Yield the newest `limit` records that match `selection`, or all of them, newest first.

        The ledgers are read on demand; a caller that stops early closes the generator.
        """
        names = [each.name for each in self._environments(selection.environment)]
        return select_entries(self.ledger, names, selection, limit)

    def entry(self, environment: str, sequence: int) -> LedgerEntry | None:
        """Read the entry at `sequence`, proven by the head; LedgerUnreadableError if corrupt."""
        head = self.ledger.head(self.path.environment(environment).name)
        if head is None or not 0 < sequence <= head.sequence:
            return None
        return self.ledger.entry(head, sequence)

    def artifact(self, version: Version, environment: str | None = None) -> tuple[Tag, Manifest]:
        """
        Find `version` in `environment`; without one, under its own tag, else in the first
        environment that has it. Returns its tag and manifest.

        ArtifactNotFoundError if no tag of it is there.
        """
        places = self._environments(environment)
        tags = list(_tags(version, places))
        for tag in tags if environment else [version.tag, *tags]:
            manifest = self.registry.fetch(tag)
            if manifest is not None:
                return tag, manifest
        where = f"in {environment}" if environment else "under its own tag or in any environment"
        raise ArtifactNotFoundError(
            f"There is no {version} {where} in {self.registry.reference}",
            {"version": str(version), "tags": [str(tag) for tag in tags]},
        )

    def signature(self, manifest: Manifest) -> SignatureVerdict:
        """Verify the signatures of `manifest`; UnconfiguredError without a configured key."""
        return self.verifier.verify(self.registry, manifest)

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
        return pull(self.registry, manifest, target, progress)

    def complete_interrupted(self) -> tuple[str, ...]:
        """
        Move `latest` to the committed artifact in all environments where a run died in between; a
        server does so at its start. Returns these environments. Errors are logged, not raised.
        """
        return complete_interrupted(self)

    def verify(self, environment: str | None, progress: Progress) -> AuditReport:
        """
        Verify the ledgers of one or all environments (FR-026). The report lists all problems;
        RegistryError if the registry cannot be read.
        """
        names = [each.name for each in self._environments(environment)]
        verification = Verification(
            path=self.path,
            registry=self.registry,
            ledger=self.ledger,
            leases=self.leases,
            heads=self.heads,
            pool=self.pool,
            policy_digest=self.policy_digest,
            backend=self.audit_backend,
        )
        return verification.report(names, progress)

    def accept_ledger(self, environment: str) -> None:
        """Accept a ledger that was restored from a backup: forget its newest head seen."""
        self.heads.forget(self.path.environment(environment).name)

    def sync(self, environment: str | None, progress: Progress) -> SyncReport:
        """
        Copy everything that the secondaries lack, in one or all environments. The report lists
        what could not be repaired; RegistryError if the primary cannot be read.
        """
        names = [each.name for each in self._environments(environment)]
        repair = Repair(
            self.path, self.registry, self.ledger, self.leases, self.secondaries.mirrors
        )
        report = repair.report(names, progress)
        for name in names:
            self._note(report, name)
        return report

    def _note(self, report: SyncReport, name: str) -> None:
        try:
            head = self.ledger.head(name)
        except PromotionError:
            # The report has this error, in the rows of the environment.
            return
        if head is not None and (outcomes := outcomes_of(report, head)):
            self.secondaries.note(head, outcomes)


@dataclass(frozen=True)
class Platform:
    """
    An engine and its changes.

    `changes` makes decisions, `progression` moves changes, `worker` carries them out in the
    background once a server has started it. `store` has the feed that interfaces follow, and the
    output of gates. `memberships` reads the groups of operators again. `refused` records the
    refusals of a plan, as far as possible.
    """

    engine: Engine
    changes: Changes
    progression: Progression
    worker: Worker
    store: ChangeStore
    memberships: Memberships
    refused: Callable[[Plan], None] = lambda _plan: None

    def gate_output(
        self, run: str, gate: GateKind, trace_of: Callable[[str], str | None] | None = None
    ) -> bytes | None:
        """
        Read the output of `gate` by the id of a change, trace or record; None if it is not stored.
        `trace_of` finds the trace id of a record; by default the ledgers are read for it.
        """
        return kept_output(self.store, run, gate, trace_of or self._trace_of)

    def _trace_of(self, record_id: str) -> str | None:
        since = self.engine.clock.now() - OUTPUTS_KEPT
        with closing(self.engine.audit(Selection(since=since))) as entries:
            records = (entry.record for entry in entries)
            return next((each.trace_id for each in records if each.id == record_id), None)

    @property
    def foreground(self) -> Foreground:
        """A worker for a command, which carries out its own change and waits for it."""
        return Foreground(self.progression, self.store)


def _tags(version: Version, places: Iterable[Environment]) -> Iterator[Tag]:
    """The tag of `version` in each place, unless it would be too long to exist."""
    for place in places:
        with suppress(ValueError):
            yield place.tag(version)
