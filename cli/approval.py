"""Submit requests that need approval, and wait for their changes."""

import time

from cli.progress import TerminalProgress
from engine.api import Engine
from engine.bootstrap import keeps_changes, open_platform
from engine.config import Config
from engine.domain.change import Change
from engine.domain.errors import ConfigError
from engine.domain.request import ChangeRequest
from engine.platform import Platform
from engine.responses.change import ChangeResponse

_POLL_SECONDS = 0.5


def submit_and_wait(
    config: Config,
    engine: Engine,
    request: ChangeRequest,
    progress: TerminalProgress,
    wait_seconds: int,
) -> Change:
    """
    Submit `request`, check its change, and wait up to `wait_seconds` for its end.

    Raises ConfigError where changes are not stored, since no approval could reach the change.
    """
    if not keeps_changes(config):
        raise ConfigError(
            f"'{request.target}' needs approvals, and changes are kept in {config.state_dir}, "
            "which does not exist here: run this in the directory that has it, or set FLOE_SERVER "
            "to the server that stores the changes"
        )
    with open_platform(config, engine) as platform:
        change = platform.changes.submit(request, "cli")
        change = platform.foreground.settle(change, progress)
        return _wait(platform, change, progress, wait_seconds)


def _wait(platform: Platform, change: Change, progress: TerminalProgress, seconds: int) -> Change:
    deadline = time.monotonic() + seconds
    while change.open and time.monotonic() < deadline:
        progress.waiting(ChangeResponse.of(change), deadline - time.monotonic())
        time.sleep(_POLL_SECONDS)
        platform.changes.expire_due()
        change = platform.changes.get(change.id)
    return change
