"""Requests and changes for environments and products that were removed."""

from engine.changes.moves import move
from engine.domain.change import Change, ChangeState
from engine.domain.change_facts import Ended
from engine.domain.environment import Environment
from engine.domain.errors import CancelledError, UsageError
from engine.execution.runner import Runner
from engine.ports.change_store import ChangeStore


def target_of(runner: Runner, change: Change) -> Environment:
    """Return the target of `change`; UsageError if it was removed since the request."""
    if change.target in runner.path.names:
        return runner.path.environment(change.target)
    raise UsageError(
        f"{change.target} was removed from the environments after {change.id} was requested, and "
        f"cannot be approved or rejected: its requester ends it with floe platform cancel "
        f"{change.id}"
    )


def removed_product(product: str) -> UsageError:
    return UsageError(
        f"The product {product} was removed from this server: only its open changes continue"
    )


def cancel_late(runner: Runner, store: ChangeStore, change: Change, error: UsageError) -> None:
    """Cancel a change that was added after its product was closed: no worker continues it."""
    ended = Ended.of(CancelledError(str(error)))
    while change.state in (ChangeState.CHECKING, ChangeState.AWAITING_APPROVAL):
        after = change.moved(ChangeState.CANCELLED, updated_at=runner.clock.now(), ended=ended)
        if move(runner, store, change, after, ("cancelled", {"why": str(error)})):
            return
        change = store.get(change.id) or after
