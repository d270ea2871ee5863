"""Badges of an environment beside its version: words with a tone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from engine.bootstrap.server import CachedRecord
from engine.domain.change import Change, ChangeState
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.state import LockState
from engine.domain.status import Alignment, EnvironmentStatus
from web.formatting import ago, moment


@dataclass(frozen=True)
class Chip:
    """A badge. `tone` is good, info, warn, bad or quiet; `more` is the tooltip."""

    text: str
    tone: str
    more: str = ""
    change: str | None = None


_ALIGNMENT = {
    Alignment.UNRECORDED: Chip(
        "no record", "quiet", "There is a latest tag and no record: a build put it there"
    ),
}


def chips(
    row: EnvironmentStatus,
    pending: tuple[Change, ...],
    record: CachedRecord | None,
    behind: int,
    now: datetime,
    *,
    entry: bool,
) -> tuple[Chip, ...]:
    """Return the badges of a row; `entry` is the first environment, which builds publish to."""
    found = [*_in_flight(pending)]
    if row.error:
        found.append(Chip("cannot be read", "bad", str(row.error)))
    found += [Chip(each.partition(":")[0], "bad", each) for each in row.intrusions]
    if row.lock:
        found.append(_locked(row.lock, now))
    if row.drifted:
        found.append(Chip("drifted", "bad", f"{row.deviation}: {row.restore_command}"))
    elif row.deviates:
        found.append(Chip("completing", "info", row.deviation))
    elif row.alignment in _ALIGNMENT and not (entry and row.alignment is Alignment.UNRECORDED):
        found.append(_ALIGNMENT[row.alignment])
    found += _missing(row)
    found += _signature(record)
    if behind:
        found.append(Chip(f"behind {behind}", "quiet", "Versions that the environment before has"))
    return tuple(found)


def waiting(change: Change) -> str:
    """Describe the approval or lock that a change waits for."""
    match change.state:
        case ChangeState.CHECKING:
            return "checking"
        case ChangeState.EXECUTING:
            return "being carried out"
        case ChangeState.AWAITING_APPROVAL if not change.missing_approvals:
            return "approved, waits for the lock to end"
        case ChangeState.AWAITING_APPROVAL:
            given = len(change.approvals)
            who = f" from {' or '.join(change.groups)}" if change.groups else ""
            return f"awaiting {given + 1} of {change.required}{who}"
        case state:
            return state.value.replace("_", " ")


def _in_flight(pending: tuple[Change, ...]) -> Iterator[Chip]:
    for change in pending:
        arrow = "↩" if change.action == "rollback" else "→"
        # The row below names the missing approvers.
        short = waiting(change).partition(" from ")[0]
        yield Chip(f"{arrow} {change.version} {short}", "info", change=change.id)


def _locked(lock: LockState, now: datetime) -> Chip:
    until = f" until {_soon(lock.expires_at, now)}" if lock.expires_at else ""
    since = f"Since {moment(lock.at)}: " if lock.at else ""
    return Chip(f"locked by {lock.operator}{until}", "warn", f"{since}{lock.reason}")


def _soon(at: datetime, now: datetime) -> str:
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def _missing(row: EnvironmentStatus) -> Iterator[Chip]:
    """List the secondary registries without the running version."""
    for each in row.registry_sync:
        if each.error:
            yield Chip(f"not on {each.registry}", "warn", each.error)


def _signature(record: CachedRecord | None) -> Iterator[Chip]:
    said = record.record if record else None
    if not isinstance(said, PromotionRecord | RollbackRecord) or said.signature_verified:
        return
    # With signatures off, every version would carry the same badge.
    if said.signature_status.enforcement != "off":
        yield Chip("unsigned", "warn", said.signature_status.problem or "It carries no signature")


def age(at: datetime | None, now: datetime) -> str:
    return ago(at, now) if at else ""
