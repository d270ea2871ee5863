"""Opens and closes platforms: an engine with its changes, which most commands do not need."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from engine.adapters.store import SqlStore, SqlTally
from engine.api import Engine
from engine.bootstrap.clock import clock_of
from engine.bootstrap.engine import ACTING, keeps_changes, open_engine
from engine.bootstrap.identity import local_operator
from engine.bootstrap.observability import count_ended
from engine.bootstrap.state import changes_database, wakeups_of
from engine.changes.decisions import Changes
from engine.changes.gate_events import GateOutputRecorder
from engine.changes.memberships import Memberships
from engine.changes.worker import Pace, Worker
from engine.changes.workflow import Progression
from engine.config import Config, load_config
from engine.config.promotion import OciAudit
from engine.domain.change import Change
from engine.domain.errors import ConfigError
from engine.domain.operator import Operator
from engine.domain.plan import Plan
from engine.execution.audit_reports import report_change
from engine.execution.refusals import Refusals, attempt_of_change, attempt_of_plan
from engine.platform import Platform
from engine.ports import Progress
from engine.ports.change_store import ChangeStore

# How long to wait for the lease in order to record a refusal.
_REFUSAL_SECONDS = 1


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
    # Without wakeups, servers that share a database poll it less often than a file.
    pace = Pace(poll=1.0) if config.state_url else Pace()
    wakeups = wakeups_of(config)
    worker = Worker(changes, progression, store, pace=pace, settled=record_end, wakeups=wakeups)
    try:
        yield Platform(
            engine,
            changes,
            progression,
            worker,
            store,
            members,
            refused=lambda plan: refusals.note(attempt_of_plan(plan)),
            wakeups=wakeups,
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
