"""Records refused attempts: after the answer of a command, elsewhere in the background."""

from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace

from engine.adapters.store import SqlTally
from engine.bootstrap.adapters import leases_of
from engine.bootstrap.engine import open_engine
from engine.bootstrap.state import changes_database
from engine.config import Config
from engine.domain.change import Change
from engine.domain.plan import Plan
from engine.execution.refusals import Attempt, Refusals, attempt_of
from engine.execution.runner import Runner
from engine.runtime.after_answer import Work

# How long a command or program waits for the lease in order to record a refusal.
_LEASE_SECONDS = 1
# How long an engine that closes waits for the records.
_CLOSE_SECONDS = 3.0


def postpone_record(config: Config, later: Work, refused: Plan | Change) -> None:
    """Add the recording of `refused` to the work after the answer; it may be lost."""
    attempt = attempt_of(refused)
    if attempt.refusals:
        later.append(lambda: _record(config, attempt))


def _record(config: Config, attempt: Attempt) -> None:
    # The engine of the answer is closed by now.
    with open_engine(config, lease_seconds=_LEASE_SECONDS) as engine:
        _refusals(config, engine.runner).note(attempt)


def background_recorder(
    config: Config, runner: Runner, served: bool, stack: ExitStack
) -> Callable[[Plan | Change], None]:
    """Return a function that records refusals in the background until `stack` closes."""
    background = _Background()
    # It refers to no runner: a product of a server closes once nothing refers to its runner.
    stack.callback(background.close)
    if not served:
        runner = replace(runner, leases=leases_of(config, _LEASE_SECONDS))
    refusals = _refusals(config, runner)

    def record(refused: Plan | Change) -> None:
        attempt = attempt_of(refused)
        if attempt.refusals:
            background.submit(refusals.note, attempt)

    return record


def _refusals(config: Config, runner: Runner) -> Refusals:
    return Refusals(runner, SqlTally(changes_database(config, kept=0)))


class _Background:
    """A thread of its own, because recording waits for the lease."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="floe-refusals")
        self._last: Future[None] | None = None

    def submit(self, note: Callable[[Attempt], None], attempt: Attempt) -> None:
        # An engine that closes takes no more work.
        with suppress(RuntimeError):
            self._last = self._thread.submit(note, attempt)

    def close(self) -> None:
        """Wait briefly for the records; the others are lost."""
        if self._last is not None:
            with suppress(TimeoutError, CancelledError):
                self._last.exception(_CLOSE_SECONDS)
        self._thread.shutdown(wait=False, cancel_futures=True)
