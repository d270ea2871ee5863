"""Plan and execute requests, separately or under one lease."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor as Pool
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING
from uuid import uuid4

from engine.checks.authorization import authorization
from engine.context.context import Context, Sources
from engine.context.loosened_rules import RuleHistory
from engine.domain.errors import ConflictError, PromotionError
from engine.domain.finding import Finding
from engine.domain.identity import Directory
from engine.domain.ledger import ChainEnd, LedgerEntry
from engine.domain.path import PromotionPath
from engine.domain.plan import Effect, GateMode, Plan
from engine.domain.policy_document import PolicyDocument
from engine.domain.record import AnyRecord
from engine.domain.request import ChangeRequest, LockRequest, PromotionRequest, Request
from engine.domain.result import Ending, Result, unchanged_result
from engine.domain.rights import Rights
from engine.execution.adoption_guard import refuse_unadopted
from engine.execution.executor import Executor
from engine.execution.rewind_guard import RewindGuard
from engine.execution.witness_guard import WitnessGuard
from engine.operations import OPERATIONS
from engine.operations.operation import Stamp
from engine.ports import (
    NO_PROGRESS,
    Clock,
    EntryClaims,
    GateRunner,
    Heads,
    Leases,
    Ledger,
    NoPolicies,
    NoVerifier,
    PolicyEnforcer,
    Progress,
    Registry,
    Upload,
    Verifier,
)
from engine.ports.attestations import AttestationReader
from engine.ports.audit_backend import AuditBackendPlugin
from engine.ports.calendars import NO_CALENDARS, Calendars
from engine.ports.state import NO_CLAIMS, InMemoryHeads
from engine.ports.statements import NO_STATEMENTS, Statements
from engine.ports.telemetry import NO_METRICS, NO_SPAN, NO_TRACER, Metrics, Span, Tracer
from engine.ports.webhooks import NO_WEBHOOKS, WebhookSender
from engine.secondaries import NO_COPIES, NO_SECONDARIES, Copies, Secondaries
from engine.tracing import count_result, end_request_span, observe_gates, open_request_span

if TYPE_CHECKING:
    from engine.audit.checkpoints import CheckpointSource

# Called under the lease: returns the plan with its valid approvals, or raises the refusal.
Guard = Callable[[Plan], Plan]


@dataclass(frozen=True)
class Runner:
    """
    Plans and executes requests.

    A refused request returns a Result with an `error`; PromotionError if rules cannot be judged.
    """

    path: PromotionPath
    registry: Registry
    ledger: Ledger
    gate_runner: GateRunner
    leases: Leases
    clock: Clock
    pool: Pool
    policy: PolicyDocument
    directory: Directory
    rights: Rights = field(default_factory=Rights)
    verifier: Verifier = field(default_factory=NoVerifier)
    enforcer: PolicyEnforcer = field(default_factory=NoPolicies)
    audit_backend: AuditBackendPlugin | None = None
    webhook_sender: WebhookSender = NO_WEBHOOKS
    tracer: Tracer = NO_TRACER
    metrics: Metrics = NO_METRICS
    heads: Heads = field(default_factory=InMemoryHeads)
    claims: EntryClaims = NO_CLAIMS
    secondaries: Secondaries = NO_SECONDARIES
    checkpoints: "CheckpointSource | None" = None
    attestations: AttestationReader | None = None
    statements: Statements = NO_STATEMENTS
    calendars: Calendars = NO_CALENDARS
    background: bool = False

    @cached_property
    def _rules(self) -> RuleHistory:
        return RuleHistory(self.policy, self.registry, self.rights.groups)

    @property
    def rewind_guard(self) -> RewindGuard:
        return RewindGuard(self.heads, self.ledger)

    def plan(self, request: Request, progress: Progress, mode: GateMode = GateMode.RUN) -> Plan:
        """Plan `request` without writing; LIST names the command gates instead of running them."""
        with self._traced(request, mode is GateMode.LIST) as span:
            plan = self._planned(request, progress, mode, span)
            span.end(Ending.BLOCKED.value if plan.error else "planned", plan.error)
            return plan

    def authorize(self, request: ChangeRequest) -> Finding:
        """Judge whether the rules of the target let the operator request this, without reading."""
        found, *_ = authorization(request, self._context(request, NO_PROGRESS))
        return found

    def plan_policy_only(self, request: Request, progress: Progress) -> Plan:
        """Plan `request` without gates; like a LIST plan it is never executed."""
        context = self._context(request, progress)
        return OPERATIONS[type(request)].plan_policy(request, context, self.policy.digest)

    def execute(self, plan: Plan, progress: Progress, guard: Guard | None = None) -> Result:
        """
        Execute `plan` after its policy was judged again under the lease, and `guard` accepted it.

        ValueError for a LIST plan; ConflictError if the artifact's tag moved in between.
        """
        with self._traced(plan.request) as span:
            return self._ended(span, self._executed(plan, progress, guard, span))

    def run(self, request: Request, progress: Progress) -> Result:
        """
        Plan and execute `request`.

        Without command gates the lease is taken before the first read, so nothing is read twice.
        """
        gated = isinstance(request, PromotionRequest)
        with self._traced(request) as span:
            if self.secondaries.mirrors or (gated and self.path.environment(request.target).gates):
                plan = self._planned(request, progress, GateMode.RUN, span)
                return self._ended(span, self._executed(plan, progress, None, span))
            with self._lease(request, progress) as upload:
                context = self._context(request, progress, GateMode.RUN, span)
                plan = OPERATIONS[type(request)].plan(request, context, self.policy.digest)
                return self._ended(span, self._write(plan, context, upload))

    def _planned(self, request: Request, progress: Progress, mode: GateMode, span: Span) -> Plan:
        known = self.rewind_guard.known(request.target)
        context = self._context(request, progress, mode, span)
        plan = OPERATIONS[type(request)].plan(request, context, self.policy.digest)
        if plan.error is None:
            refuse_unadopted(request.target, context.target_end, request)
            self.rewind_guard.check(request.target, context.target_head, known)
            if plan.effect is Effect.CHANGE:
                self._require_witness(request, context.target_head)
        if mode is GateMode.RUN:
            observe_gates(self.metrics, plan)
        return plan

    def _executed(self, plan: Plan, progress: Progress, guard: Guard | None, span: Span) -> Result:
        if plan.mode is GateMode.LIST:
            raise ValueError("a plan whose gates were only listed cannot be executed")
        if plan.error:
            return Result(plan, Ending.BLOCKED, error=plan.error)
        look = partial(self.plan_policy_only, plan.request, progress)
        copies = self.secondaries.before(plan, look, decided=guard is not None)
        with self._lease(plan.request, progress) as upload:
            context = self._context(plan.request, progress, GateMode.RUN, span)
            renewed = OPERATIONS[type(plan.request)].refresh(
                plan, plan.request, context, self.policy.digest
            )
            try:
                bound = guard(renewed) if guard else renewed
            except PromotionError as error:
                return Result(renewed, Ending.BLOCKED, error=error)
            result = self._write(bound, context, upload, copies)
        return self.secondaries.after(result, copies)

    def _require_witness(self, request: Request, head: LedgerEntry | None) -> None:
        # A lock only forbids more, so a witness that is down does not stop it.
        source = self.checkpoints
        if source and source.max_unwitnessed is not None and not isinstance(request, LockRequest):
            guard = WitnessGuard(source.open, source.max_unwitnessed)
            guard.check(request.target, head, self.clock.now())

    def _traced(self, request: Request, dry_run: bool = False) -> AbstractContextManager[Span]:
        return open_request_span(self.tracer, request, self.registry.reference, self.path, dry_run)

    def _ended(self, span: Span, result: Result) -> Result:
        return count_result(self.metrics, end_request_span(span, result))

    def append(self, record: AnyRecord) -> LedgerEntry:
        """Append a record that changes no tag to its ledger."""
        name, executor = record.ledger, self.executor()
        with self.hold(name):
            upload = self.pool.submit(self.registry.open_upload)
            end = self.ledger.end(name)
            refuse_unadopted(name, end)
            self.rewind_guard.check(name, end.head, self.rewind_guard.known(name))
            if not end.hinted:
                self.settle(name, end)
            entry = executor.change((), record, None, end, upload)
            self.rewind_guard.remember(entry)
            executor.finish(entry)
        return entry

    def settle(self, name: str, end: ChainEnd) -> bool:
        """
        Complete the newest change of `name` if its run was interrupted; the caller holds the lease.
        Returns whether `latest` moved.
        """
        return self.executor().settle(self.path.environment(name), end)

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold the lease of `name`, once the entries that other writers claimed are complete."""
        with self.leases.hold(name):
            self._complete_claimed(name)
            try:
                yield
            except ConflictError:
                from engine.execution.claimed_entries import try_completing  # rarely needed

                # Another writer continued while this one was suspended, so its writes came late.
                try_completing(self, name)
                raise

    def _complete_claimed(self, name: str) -> None:
        if pending := self.claims.pending(name):
            from engine.execution.claimed_entries import complete_claimed  # rarely needed

            complete_claimed(self, name, pending)

    def executor(self) -> Executor:
        places = (self.registry, self.ledger, self.leases, self.pool)
        followers = (self.audit_backend, self.webhook_sender, self.claims, self.background)
        return Executor(*places, self.policy, *followers)

    def _context(
        self,
        request: Request,
        progress: Progress,
        mode: GateMode = GateMode.RUN,
        span: Span = NO_SPAN,
    ) -> Context:
        places = (self.registry, self.ledger, self.gate_runner, self.pool, self.directory)
        rest = (span, self._rules, self.calendars)
        sources = Sources(*places, self.rights, self.verifier, self.enforcer, *rest)
        kind = OPERATIONS[type(request)].context
        context: Context = kind(request, self.path, sources, self.clock.now(), progress, mode)
        return context

    @contextmanager
    def _lease(self, request: Request, progress: Progress) -> Iterator[Future[Upload]]:
        """Hold the lease of the target, with an upload opened in parallel to the first reads."""
        with self.hold(request.target):
            progress.step(f"checking {request.target}")
            upload = self.pool.submit(self.registry.open_upload)
            try:
                yield upload
            except PromotionError:
                _discard(upload)
                raise
        _discard(upload)

    def _write(
        self, plan: Plan, context: Context, upload: Future[Upload], copies: Copies = NO_COPIES
    ) -> Result:
        if plan.error:
            return Result(plan, Ending.BLOCKED, error=plan.error)
        # Also if only `latest` has to move: a truncated ledger would move it back.
        head, target = context.target_head, plan.request.target
        refuse_unadopted(target, context.target_end, plan.request)
        self.rewind_guard.check(target, head, self.rewind_guard.known(target))
        executor, operation = self.executor(), OPERATIONS[type(plan.request)]
        if plan.effect is not Effect.CHANGE:
            executor.complete(context.target_end, context.committed_entry, plan.writes)
            issued = self.statements.follow(head)
            return unchanged_result(plan, operation.ending, context.committed_entry, issued)
        if plan.approval_error:
            return Result(plan, Ending.PENDING, error=plan.approval_error)
        self._require_witness(plan.request, head)
        if context.interrupted:
            executor.settle(context.target, context.target_end)
        made = operation.record(plan.request, plan, context, Stamp(uuid4(), self.clock.now()))
        further = self.directory.further_names(plan.request.operator)
        record = copies.recorded(made.model_copy(update={"operator_names": further}))
        subject = plan.manifest.descriptor if plan.manifest else None
        entry = executor.change(plan.writes, record, subject, context.target_end, upload, plan.scan)
        self.rewind_guard.remember(entry)
        executor.finish(entry)
        warnings = (*plan.warnings, *entry.warnings, *self.statements.follow(entry))
        return Result(plan, operation.ending, entry.record, warnings=warnings, entry=entry)


def _discard(upload: Future[Upload]) -> None:
    """Discard an upload that no record needed."""
    if upload.exception() is None:
        upload.result().discard()
