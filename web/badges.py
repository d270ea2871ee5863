"""Badges of an environment beside its version: words with a tone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.bootstrap.server import CachedRecord
from engine.domain.change import Change, ChangeState
from engine.domain.deployments import Rollout
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.state import SHOWN, LockState
from engine.domain.status import Alignment, EnvironmentStatus
from web.formatting import ago, moment


@dataclass(frozen=True)
class Chip:
    """A badge. `tone` is good, info, warn, bad or quiet; `more` is the tooltip."""

    text: str
    tone: str
    more: str = ""
    change: str | None = None


_TOOLTIP = 160
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
    health: Rollout | None = None,
) -> tuple[Chip, ...]:
    """Return the badges of a row; `entry` is the first environment, which builds publish to."""
    found = [*_in_flight(pending), *_reviews(row, now), *filter(None, [health_chip(health)])]
    if row.error:
        found.append(Chip("cannot be read", "bad", str(row.error)))
    found += [Chip(each.partition(":")[0], "bad", each) for each in row.intrusions]
    if row.lock:
        found.append(_locked(row.lock, now))
    found += _window(row)
    found += _quarantined(row)
    if row.drifted:
        found.append(Chip("drifted", "bad", f"{row.deviation}: {row.restore_command}"))
    elif row.deviates:
        found.append(Chip("completing", "info", row.deviation))
    elif row.alignment in _ALIGNMENT and not (entry and row.alignment is Alignment.UNRECORDED):
        found.append(_ALIGNMENT[row.alignment])
    found += _missing(row)
    found += _signature(record)
    found += _waivers(row)
    if behind:
        found.append(Chip(f"behind {behind}", "quiet", "Versions that the environment before has"))
    return tuple(found)


def _quarantined(row: EnvironmentStatus) -> list[Chip]:
    held = row.state.quarantined
    found = [Chip(f"{each.version} quarantined", "warn", str(each)) for each in held[:SHOWN]]
    others = ", ".join(each.version for each in held[SHOWN:])
    more = Chip(f"and {len(held) - SHOWN} more quarantined", "warn", others)
    return [*found, more] if others else found


def environment_chips(
    row: EnvironmentStatus | None, pending: Sequence[Change], now: datetime, *, entry: bool
) -> tuple[Chip, ...]:
    """Return short badges for a table of products: only those that need attention."""
    found = [
        Chip(f"{_arrow(each)} {each.version}", "info", waiting(each), each.id) for each in pending
    ]
    if row is None:
        return tuple(found)
    found += _reviews(row, now)
    if row.error:
        found.append(Chip("cannot be read", "bad", str(row.error)))
    if row.intrusions:
        found.append(Chip("untrusted", "bad", row.intrusions[0]))
    if row.lock:
        chip = _locked(row.lock, now)
        found.append(Chip("locked", "warn", f"{chip.text}: {row.lock.reason}"[:_TOOLTIP]))
    found += [each for each in _window(row) if each.tone == "warn"]
    if row.drifted:
        found.append(Chip("drift", "bad", f"should be {row.state.version}"))
    if row.alignment in _ALIGNMENT and not entry:
        found.append(_ALIGNMENT[row.alignment])
    return tuple(found)


def waiting(change: Change) -> str:
    """Describe the approval, lock or window that a change waits for."""
    match change.state:
        case ChangeState.CHECKING:
            return "checking"
        case ChangeState.EXECUTING:
            return "being carried out"
        case ChangeState.SCHEDULED if change.scheduled_at:
            return f"scheduled for {moment(change.scheduled_at)}"
        case ChangeState.AWAITING_APPROVAL if change.closed_by and not change.missing_approvals:
            return f"approved, closed by window '{change.closed_by}'{_until(change)}"
        case ChangeState.AWAITING_APPROVAL if not change.missing_approvals:
            return f"approved, waits for the lock to end{_until(change)}"
        case ChangeState.AWAITING_APPROVAL:
            given = len(change.approvals)
            who = f" from {' or '.join(change.groups)}" if change.groups else ""
            if change.rules:
                who = f" from {'; '.join(rule.described for rule in change.open_rules)}"
            return f"awaiting {given + 1} of {change.required}{who}"
        case state:
            return state.value.replace("_", " ")


def question(change: Change, *, last: bool) -> str:
    """Ask whether to approve `change`; `last` says whether that carries it out."""
    verb = f"Promote {change.version} to {change.target}?"
    if change.action == "rollback":
        verb = f"Roll {change.target} back to {change.version}?"
    elif change.waiver is not None:
        verb = f"Waive {change.waiver.shown} in {change.target}?"
    if not last:
        others = max(change.missing_approvals - 1, 1)
        return (
            f"{verb} {others} more approval{'s are' if others > 1 else ' is'} needed after yours."
        )
    starts = (
        f"it starts {moment(change.scheduled_at)}"
        if change.scheduled_at
        else "this starts immediately"
    )
    return f"{verb} Yours is the last approval needed: {starts}."


def _until(change: Change) -> str:
    return f" until {moment(change.opens_at)}" if change.opens_at else ""


def _in_flight(pending: tuple[Change, ...]) -> Iterator[Chip]:
    for change in pending:
        # The row below names the missing approvers.
        short = waiting(change).partition(" from ")[0]
        yield Chip(f"{_arrow(change)} {change.version} {short}", "info", change=change.id)


def _arrow(change: Change) -> str:
    return {"rollback": "↩", "waive": "waive"}.get(change.action, "→")


def _reviews(row: EnvironmentStatus, now: datetime) -> Iterator[Chip]:
    for each in row.state.reviews:
        text = f"{each.operator} used break-glass for {each.incident}: {each.reason}"
        yield Chip("review overdue" if each.due <= now else "review open", "bad", text[:_TOOLTIP])


def _locked(lock: LockState, now: datetime) -> Chip:
    until = f" until {_soon(lock.expires_at, now)}" if lock.expires_at else ""
    since = f"Since {moment(lock.at)}: " if lock.at else ""
    return Chip(f"locked by {lock.operator}{until}", "warn", f"{since}{lock.reason}")


def _window(row: EnvironmentStatus) -> Iterator[Chip]:
    """The freeze window that closes the environment, or the next closing."""
    if row.window and row.window.note:
        closed = row.window.closed_by is not None
        yield Chip(row.window.note, "warn" if closed else "quiet", row.window.explanation)


def _soon(at: datetime, now: datetime) -> str:
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def health_chip(found: Rollout | None) -> Chip | None:
    """Return how far a version is deployed, as the systems that deploy it reported."""
    if found is None:
        return None
    complete = found.healthy == found.total
    tone = "bad" if found.failed else "good" if complete else "info"
    return Chip(found.text.partition(":")[0], tone, found.text)


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


def _waivers(row: EnvironmentStatus) -> Iterator[Chip]:
    if row.waivers:
        listed = "; ".join(f"{each.shown} by {each.operator}" for each in row.waivers)
        yield Chip(f"{len(row.waivers)} waived", "warn", listed)


def age(at: datetime | None, now: datetime) -> str:
    return ago(at, now) if at else ""
