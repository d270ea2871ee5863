"""The engine in its verbs: plan a change, execute a plan, run both, tell what is where."""

from collections.abc import Iterator
from concurrent.futures import Executor as Pool
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from engine.context.context import Context, Sources
from engine.domain.identity import Directory
from engine.domain.ledger import LedgerEntry
from engine.domain.path import PromotionPath
from engine.domain.plan import Effect, GateMode, Plan
from engine.domain.request import PromotionRequest, Request
from engine.domain.result import Ending, Result
from engine.domain.state import EMPTY, lock_in_force
from engine.domain.status import EnvironmentStatus
from engine.executor import Executor
from engine.operations import OPERATIONS
from engine.operations.operation import Stamp
from engine.ports import Clock, GateRunner, Leases, Ledger, Progress, Registry, Upload

COMPLETED = (
    "an earlier run had recorded this promotion and was interrupted before the latest tag moved; "
    "it is completed now"
)


@dataclass(frozen=True)
class Engine:
    """
    What bot, web and CLI talk to; they import nothing deeper than this and `domain`.

    Requests that a rule refuses come back as a Result with an `error`; a PromotionError is raised
    where the question could not be asked (registry down, history unreadable, version unknown).
    """

    path: PromotionPath
    registry: Registry
    ledger: Ledger
    gate_runner: GateRunner
    leases: Leases
    clock: Clock
    pool: Pool
    policy_digest: str
    directory: Directory

    def plan(self, request: Request, progress: Progress, mode: GateMode = GateMode.RUN) -> Plan:
        """What `request` would do. Reads only; LIST names the command gates instead of running."""
        context = self._context(request, progress, mode)
        return OPERATIONS[type(request)].plan(request, context, self.policy_digest)

    def execute(self, plan: Plan, progress: Progress) -> Result:
        """
        Do what `plan` says, its policy judged again under the lease.

        ValueError for a LIST plan; ConflictError when the artifact's tag moved since.
        """
        if plan.mode is GateMode.LIST:
            raise ValueError("a plan whose gates were only listed cannot be executed")
        if plan.error:
            return Result(plan, Ending.BLOCKED, error=plan.error)
        with self._lease(plan.request, progress) as upload:
            context = self._context(plan.request, progress)
            renewed = OPERATIONS[type(plan.request)].renew(plan, plan.request, context)
            return self._write(renewed, context, upload)

    def run(self, request: Request, progress: Progress) -> Result:
        """
        Plan and execute. Where no command gate stands between the two, the lease is taken before
        the first read, which then needs no repetition.
        """
        gated = isinstance(request, PromotionRequest)
        if gated and self.path.environment(request.target).gates:
            return self.execute(self.plan(request, progress), progress)
        with self._lease(request, progress) as upload:
            context = self._context(request, progress)
            plan = OPERATIONS[type(request)].plan(request, context, self.policy_digest)
            return self._write(plan, context, upload)

    def status(self) -> tuple[EnvironmentStatus, ...]:
        """Every environment along the path; two requests each, all at once."""
        environments = self.path.environments
        heads = self.pool.map(self.ledger.head, self.path.names)
        latest = self.pool.map(self.registry.resolve, [e.latest for e in environments])
        now = self.clock.now()
        rows = []
        for environment, head, tag in zip(environments, heads, latest, strict=True):
            state = head.state if head else EMPTY
            lock = lock_in_force(environment, state, now)
            rows.append(EnvironmentStatus(environment.name, state, tag, lock))
        return tuple(rows)

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

    def _context(
        self, request: Request, progress: Progress, mode: GateMode = GateMode.RUN
    ) -> Context:
        sources = Sources(self.registry, self.ledger, self.gate_runner, self.pool, self.directory)
        kind = OPERATIONS[type(request)].context
        context: Context = kind(request, self.path, sources, self.clock.now(), progress, mode)
        return context

    @contextmanager
    def _lease(self, request: Request, progress: Progress) -> Iterator[Future[Upload]]:
        """The right to write the target, and an upload opened beside the first reads."""
        with self.leases.hold(request.target):
            progress.step(f"checking {request.target}")
            yield self.pool.submit(self.registry.open_upload)

    def _write(self, plan: Plan, context: Context, upload: Future[Upload]) -> Result:
        if plan.error:
            return Result(plan, Ending.BLOCKED, error=plan.error)
        if plan.effect is Effect.NOTHING:
            return Result(plan, Ending.UNCHANGED, plan.committed)
        operation = OPERATIONS[type(plan.request)]
        executor = Executor(self.registry, self.ledger, self.pool)
        if plan.effect is Effect.COMPLETE:
            executor.follow(plan.writes)
            return Result(plan, operation.ending, plan.committed, warnings=(COMPLETED,))
        head = context.target_head
        record = operation.record(plan.request, plan, context, Stamp(uuid4(), self.clock.now()))
        left = context.interrupted
        if left and left.previous == (head and head.digest) and operation.same(left.record, record):
            # An interrupted run of this request left its record: one request, one record.
            entry = executor.commit(left, plan.writes)
        else:
            subject = plan.manifest.descriptor if plan.manifest else None
            entry = executor.change(plan.writes, record, subject, head, upload)
        return Result(plan, operation.ending, entry.record, warnings=plan.warnings)
