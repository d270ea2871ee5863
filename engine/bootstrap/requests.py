"""Carries out a request of a command or program, with the approvals that it needs."""

import time
from collections.abc import Callable
from contextlib import closing

from engine.adapters.store import SqlStore
from engine.api import Engine
from engine.bootstrap.clock import clock_of
from engine.bootstrap.engine import keeps_changes
from engine.bootstrap.platform import open_platform
from engine.bootstrap.state import changes_database
from engine.changes import direct
from engine.config import Config
from engine.domain.change import Change
from engine.domain.errors import ConfigError
from engine.domain.request import ChangeRequest, PromotionRequest
from engine.platform import Platform
from engine.ports import Progress
from engine.responses.change import ChangeResponse

_POLL_SECONDS = 0.5
# Called while a change waits, with the seconds that are left.
Waiting = Callable[[ChangeResponse, float], None]


def carry_out(
    config: Config,
    engine: Engine,
    request: ChangeRequest,
    interface: str,
    progress: Progress,
    wait_seconds: float = 0,
    waiting: Waiting = lambda _change, _left: None,
) -> Change:
    """
    Carry out `request` at once, or submit it if it needs approvals, and wait up to `wait_seconds`.

    A request that fails becomes a change in the state directory. ConfigError where approvals are
    needed and changes are not stored, since no approval could reach the change.
    """
    if not _needs_approvals(engine, request):
        database = changes_database(config)
        with closing(SqlStore(database, clock_of(config), product=config.product)) as store:
            change = direct.carry_out(
                engine.runner, store, request, interface, progress, config.product
            )
        engine.refused(change)
        if not change.open:
            return change
    if not keeps_changes(config):
        raise ConfigError(
            f"'{request.target}' needs approvals, and changes are kept in {config.state_dir}, "
            "which does not exist here: run this in the directory that has it, or set FLOE_SERVER "
            "to the server that stores the changes"
        )
    with open_platform(config, engine) as platform:
        change = platform.changes.submit(request, interface)
        change = platform.foreground.settle(change, progress)
        return _await_end(platform, change, wait_seconds, waiting)


def _needs_approvals(engine: Engine, request: ChangeRequest) -> bool:
    """Whether `request` needs approvals for certain, so that its gates run only once."""
    if not isinstance(request, PromotionRequest) or request.break_glass:
        return False
    return engine.path.environment(request.target).approvals.required > 0


def _await_end(platform: Platform, change: Change, seconds: float, waiting: Waiting) -> Change:
    deadline = time.monotonic() + seconds
    while change.open and time.monotonic() < deadline:
        waiting(ChangeResponse.of(change), deadline - time.monotonic())
        time.sleep(_POLL_SECONDS)
        platform.changes.expire_due()
        change = platform.changes.get(change.id)
    return change
