"""What the faces talk to: runs of requests, what runs where, and what happened."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from engine.audit.history import selected
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
    RegistryUnavailableError,
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

# What is wrong with one ledger says nothing about the registry.
_OF_ONE_LEDGER = (LedgerUnreadableError, ContentMissingError)


@dataclass(frozen=True)
class Engine(Runs):
    """
    The front door: `plan`, `execute` and `run` of Runs, and the reading side.

    Bot, web and CLI import nothing deeper than this, `bootstrap`, `config` and `domain`.
    """

    def status(self, environment: str | None = None) -> tuple[EnvironmentStatus, ...]:
        """
        Every environment along the path, or `environment` alone; two requests each, all at once.

        One that cannot be read is a row with its error; RegistryUnavailableError when none can,
        unless it is their ledgers that are broken.
        """
        asked = self._asked(environment)
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

    def published(self, rows: tuple[EnvironmentStatus, ...]) -> tuple[EnvironmentStatus, ...]:
        """
        `rows`, with the newest version of the first environment where nothing was ever promoted
        to it: one listing of the tags. Without it where the tags cannot be listed.
        """
        first = self.path.environments[0].name
        if not any(row.name == first and row.awaits_build for row in rows):
            return rows
        try:
            readings = [self.path.read(tag) for tag in self.registry.tags()]
        except RegistryUnavailableError:
            return rows
        found = [r.version for r in readings if r and r.environment == first]
        newest = str(max(found, key=lambda version: version.precedence)) if found else None
        return tuple(replace(r, published=newest) if r.name == first else r for r in rows)

    def _asked(self, environment: str | None) -> tuple[Environment, ...]:
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
            return self._named(EnvironmentStatus(place.name, state, digest, lock, synced), entry)
        except RegistryUnavailableError as error:
            lock = lock_in_force(place, EMPTY, now)
            return EnvironmentStatus(place.name, EMPTY, None, lock, error=error)

    def _named(self, row: EnvironmentStatus, head: LedgerEntry | None) -> EnvironmentStatus:
        """`row` with the version of a `latest` that is not what the ledger says."""
        if row.latest is None or not row.deviates:
            return row
        version = version_of(row.latest, row.name, head, self.path, self.registry, self.ledger)
        return replace(row, latest_version=version)

    def history(
        self, environment: str | None = None, limit: int = 20, before: int | None = None
    ) -> tuple[LedgerEntry, ...]:
        """
        The newest `limit` records, newest first: of one environment (before sequence `before`, for
        the next page), or of all of them together.
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
        The newest `limit` records that `selection` admits, newest first, or all of them. The
        ledgers are read while they are iterated over, and no further; who stops early closes it.
        """
        name = selection.environment
        names = self.path.names if name is None else (self.path.environment(name).name,)
        return selected(self.ledger, names, selection, limit)

    def entry(self, environment: str, sequence: int) -> LedgerEntry | None:
        """
        The committed entry at `sequence`, reached over the links from the head, so proven
        by it; None where there is none. LedgerUnreadableError for links that do not hold.
        """
        head = self.ledger.head(self.path.environment(environment).name)
        if head is None or not 0 < sequence <= head.sequence:
            return None
        return self.ledger.entry(head, sequence)

    def artifact(self, version: Version, environment: str | None = None) -> tuple[Tag, Manifest]:
        """
        `version` as `environment` has it, else under its own tag, else in the first environment
        that has it, with the tag it was found under; ArtifactNotFoundError.
        """
        places = self._asked(environment)
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
        """Who signed `manifest`; ConfigError where nothing to verify with is configured."""
        return self.verifier.verify(self.registry, manifest)

    def required_signature(
        self, manifest: Manifest, environment: str | None = None
    ) -> SignatureVerdict | None:
        """
        Verify `manifest` as `environment` asks, or the strictest of all; None where none asks.

        SignatureVerificationError where a signature is enforced and none is good.
        """
        asked = {place.signature for place in self._asked(environment)}
        if asked == {Enforcement.OFF}:
            return None
        verdict = self.signature(manifest)
        if Enforcement.ENFORCE in asked and not verdict.verified:
            raise SignatureVerificationError(verdict.refusal)
        return verdict

    def pull(self, manifest: Manifest, target: Path, progress: Progress) -> tuple[str, ...]:
        """Write the layers of `manifest` into the directory `target`: all of them or nothing."""
        return pull(self.registry, manifest, target, progress)

    def complete_interrupted(self) -> tuple[str, ...]:
        """
        Have `latest` follow what is committed where a run died in between, as a server does when
        it starts; the environments where it had to. Never raises, and logs what it could not do.
        """
        return complete_interrupted(self)

    def verify(self, environment: str | None, progress: Progress) -> AuditReport:
        """
        Whether the ledgers can be believed (FR-026): of one environment or of all of them. What is
        wrong with them is the answer; RegistryUnavailableError when they cannot be read at all.
        """
        names = self.path.names if environment is None else (environment,)
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
        return verification.report([self.path.environment(n).name for n in names], progress)

    def sync(self, environment: str | None, progress: Progress) -> SyncReport:
        """
        Bring the secondaries to where the registry is, in one environment or in all of them. What
        could not be put right is in the report; only a primary that cannot be read is an error.
        """
        names = self.path.names if environment is None else (environment,)
        repair = Repair(
            self.path, self.registry, self.ledger, self.leases, self.secondaries.mirrors
        )
        report = repair.report([self.path.environment(name).name for name in names], progress)
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
    An engine and the changes in flight on it.

    `changes` takes decisions, `progression` moves changes, `worker` works on them in the background
    once it is started (a server does). `store` has the feed that faces follow, and what gates
    printed. `memberships` asks a face about its people again. `refused` puts on record, as far as
    it can, what a plan was refused for.
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
        What `gate` printed in the run of that change, trace id or record; None if not kept.
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
        """For a command: it works on its change itself, and waits for it."""
        return Foreground(self.progression, self.store)


def _tags(version: Version, places: Iterable[Environment]) -> Iterator[Tag]:
    """Of each place; one whose tags the version is too long for never has it."""
    for place in places:
        with suppress(ValueError):
            yield place.tag(version)
