"""Opens and closes engines and platforms."""

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.ledger.sealing import Sealing
from engine.adapters.store import SqlHeads, SqlStore, SqlTally
from engine.api import Engine
from engine.bootstrap.adapters import (
    audit_backend_of,
    flush,
    gates_of,
    leases_of,
    policies_of,
    refuse_beside_a_server,
    registry_of,
    tracer_of,
    verifier_of,
    webhook_sender_of,
)
from engine.bootstrap.clock import clock_of
from engine.bootstrap.identity import directory_of, local_operator, rights_of
from engine.bootstrap.keys import LazyAttestations, sealing_of
from engine.bootstrap.observability import count_ended
from engine.bootstrap.secondaries import secondaries_of
from engine.bootstrap.state import changes_database
from engine.changes.decisions import Changes
from engine.changes.gate_events import GateOutputRecorder
from engine.changes.memberships import Memberships
from engine.changes.worker import Pace, Worker
from engine.changes.workflow import Progression
from engine.config import Config, load_config
from engine.config.connection import EmbeddedRegistry
from engine.config.promotion import OciAudit
from engine.domain.change import Change
from engine.domain.errors import ConfigError
from engine.domain.operator import Operator
from engine.domain.plan import Plan
from engine.execution.audit_reports import report_change
from engine.execution.refusals import Refusals, attempt_of_change, attempt_of_plan
from engine.execution.runner import Runner
from engine.platform import Platform
from engine.ports import Leases, LedgerReader, Progress, Registry
from engine.ports.change_store import ChangeStore
from engine.ports.statements import NO_STATEMENTS, Statements
from engine.ports.telemetry import NO_METRICS, Metrics
from engine.runtime.database import Database

if TYPE_CHECKING:
    from engine.audit.checkpoints import CheckpointSource

_log = logging.getLogger(__name__)
# Parallel reads; status sends two requests for every environment.
_THREADS = 16
# How long to wait for the lease in order to record a refusal.
_REFUSAL_SECONDS = 1
# The sections of manifest.yaml that a command needs when it may write records.
ACTING = ("artifacts", "ledger.signing")


@contextmanager
def open_engine(
    config: Config,
    *,
    lease_seconds: float = 60,
    metrics: Metrics = NO_METRICS,
    served: bool = False,
    needs: Sequence[str] = ACTING,
) -> Iterator[Engine]:
    """Open the engine of `config`; ConfigError if a section in `needs` lacks its secrets."""
    _check(config, needs)
    with ExitStack() as stack:
        registry, sealing = registry_of(config.registry, stack), sealing_of(config)
        heads = SqlHeads(state := _state(config, stack), registry.reference)
        ledger, leases = RegistryLedger(registry, heads, sealing), leases_of(config, lease_seconds)
        pool, tracer, webhook_sender = _pool(stack), tracer_of(), webhook_sender_of(config, metrics)
        stack.callback(flush, webhook_sender, tracer)
        runner = Runner(
            path=config.path,
            registry=registry,
            ledger=ledger,
            gate_runner=gates_of(config),
            leases=leases,
            clock=clock_of(config),
            pool=pool,
            policy=config.policy,
            directory=directory_of(config),
            rights=rights_of(config, served=served),
            verifier=verifier_of(config, stack),
            enforcer=policies_of(config),
            audit_backend=audit_backend_of(config, stack),
            webhook_sender=webhook_sender,
            tracer=tracer,
            metrics=metrics,
            heads=heads,
            secondaries=secondaries_of(config, registry, ledger, leases, state, stack),
            checkpoints=_checkpoints_of(config, registry, ledger),
            attestations=LazyAttestations(registry, sealing.trusted),
            statements=_statements_of(config, registry, ledger, leases, sealing),
        )
        yield Engine(runner)


def _checkpoints_of(
    config: Config, registry: Registry, ledger: LedgerReader
) -> "CheckpointSource | None":
    if config.ledger.checkpoint is None:
        return None
    # Few installations have checkpoints, and TLS for witnesses is slow to import.
    from engine.bootstrap.checkpoints import checkpoints_of

    return checkpoints_of(config, registry, ledger)


def _statements_of(
    config: Config, registry: Registry, ledger: LedgerReader, leases: Leases, sealing: Sealing
) -> Statements:
    signing = config.ledger.signing
    if signing is None or (signing.current is None and "legacy" not in signing.formats):
        return NO_STATEMENTS
    # Few installations issue statements, and cryptography is slow to import.
    from engine.bootstrap.statements import statements_of

    return statements_of(signing, registry, ledger, leases, sealing)


def _state(config: Config, stack: ExitStack) -> Database:
    state = changes_database(config)
    stack.callback(state.close)
    return state


def _pool(stack: ExitStack) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="floe")
    # An answer does not wait for requests that are still running.
    stack.callback(pool.shutdown, wait=False, cancel_futures=True)
    return pool


def _check(config: Config, needs: Sequence[str]) -> None:
    refuse_beside_a_server()
    config.require("artifacts.registry", "state", *needs)
    for exposure in config.exposures:
        _log.warning("%s", exposure)


@contextmanager
def open_platform(config: Config, engine: Engine) -> Iterator[Platform]:
    """Open the platform: `engine`, and its changes from the state directory."""
    store: ChangeStore = SqlStore(changes_database(config), engine.runner.clock)
    members = Memberships(engine.directory)
    progression = Progression(engine.runner, store, config.environment_digest, members.regroup)
    refusals = refusals_of(config, engine)
    # Its own thread, since recording waits for the lease.
    recorder = ThreadPoolExecutor(1, thread_name_prefix="floe-refusals")

    def record_end(change: Change) -> None:
        # The refusal is recorded first, even if counting fails.
        refusals.note(attempt_of_change(change))
        count_ended(engine.metrics, store, change)

    def record_blocked(change: Change) -> None:
        # Local commands record refusals after their answer.
        if engine.rights.served:
            recorder.submit(record_end, change)

    changes = Changes(engine.runner, store, config.environment_digest, record_blocked)
    # Idle servers that share a database leave it alone; submissions and decisions wake a worker.
    pace = Pace(poll=2.0, sweep=5.0) if config.state_url else Pace()
    worker = Worker(changes, progression, store, pace=pace, settled=record_end)
    try:
        yield Platform(
            engine,
            changes,
            progression,
            worker,
            store,
            members,
            refused=lambda plan: refusals.note(attempt_of_plan(plan)),
        )
    finally:
        recorder.shutdown(wait=False, cancel_futures=True)
        store.close()


@contextmanager
def store_gate_outputs(config: Config, run_id: str, progress: Progress) -> Iterator[Progress]:
    """Wrap `progress` to store the gate outputs of a run without a change."""
    store = SqlStore(changes_database(config), clock_of(config))
    try:
        yield GateOutputRecorder(store, run_id, progress)
    finally:
        store.close()


@contextmanager
def open_command_platform(
    manifest: Path, needs: Sequence[str] = ACTING
) -> Iterator[tuple[Platform, Operator]]:
    """
    Open the platform of a command about changes, and resolve its operator.

    `needs` is as for `open_engine`. Raises ConfigError if changes are not stored here, since an
    empty store would look like no changes.
    """
    config = load_config(manifest, os.environ)
    if not keeps_changes(config):
        raise ConfigError(
            f"Changes are kept in {config.state_dir}, which does not exist here: run this in the "
            "directory that has it, or set FLOE_SERVER to the server that stores the changes"
        )
    with open_engine(config, needs=needs) as engine, open_platform(config, engine) as platform:
        yield platform, local_operator(config, engine)


def changes_in_flight(config: Config, engine: Engine) -> tuple[Change, ...]:
    """List the open changes that are stored here, oldest first, without creating a store."""
    if not changes_database(config, kept=0).exists():
        return ()
    with open_platform(config, engine) as platform:
        now = engine.now()
        return tuple(change for change in platform.store.open() if not change.overdue(now))


def keeps_changes(config: Config) -> bool:
    """Whether changes are stored here; always with an embedded registry or a database."""
    if config.state_url is not None or isinstance(config.registry, EmbeddedRegistry):
        return True
    return config.state_dir.is_dir()


@contextmanager
def open_command_engine(manifest: Path) -> Iterator[tuple[Engine, Operator]]:
    """Open the engine of a command, and resolve its operator."""
    config = load_config(manifest, os.environ)
    with open_engine(config) as engine:
        yield engine, local_operator(config, engine)


@contextmanager
def open_reading_engine(manifest: Path, *needs: str) -> Iterator[Engine]:
    """Open the engine of a read-only command; `needs` are the other sections that it uses."""
    with open_engine(load_config(manifest, os.environ), needs=needs) as engine:
        yield engine


def record_refusal(manifest: Path, refused: Plan | Change) -> None:
    """
    Record the refusals of `refused`, and report its other failures to the audit backend.

    Called after the answer. Raises PromotionError if the manifest became unusable. A refusal that
    the registry does not accept is not recorded.
    """
    attempt = attempt_of_plan(refused) if isinstance(refused, Plan) else attempt_of_change(refused)
    config = load_config(manifest, os.environ)
    if not attempt.refusals and isinstance(config.audit, OciAudit):
        return
    with open_engine(config, lease_seconds=_REFUSAL_SECONDS) as engine:
        refusals_of(config, engine).note(attempt)
        if isinstance(refused, Change) and not refused.id:
            # A change in a store was reported when it ended.
            report_change(engine.runner, refused)


def refusals_of(config: Config, engine: Engine) -> Refusals:
    return Refusals(engine.runner, SqlTally(changes_database(config, kept=0)))
