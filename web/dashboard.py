"""The dashboard: environments along the path, blockers, and problems."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.bootstrap.server import CachedRecord
from engine.domain.change import Change, ChangeState
from engine.domain.deployments import Rollout, rollout
from engine.domain.errors import ArtifactNotFoundError, EnvironmentLockedError, PromotionError
from engine.domain.release_errors import WindowClosedError
from engine.domain.selection import Selection
from engine.domain.status import EnvironmentStatus
from engine.domain.versions import version_order
from web.badges import Chip, chips, waiting
from web.site import Site
from web.status_cache import Seen

_FAILED = frozenset(
    {ChangeState.BLOCKED, ChangeState.FAILED, ChangeState.STALE, ChangeState.REJECTED}
)
_RECENTLY = timedelta(hours=24)
_LOOKBACK = 50
# Side by side; of a longer path, only the last ones have cards.
_MOST_CARDS = 4
_LAST = 3


@dataclass(frozen=True)
class Card:
    """
    An environment. `entry` marks the first one, `incoming` an open change to it, and `end` one that
    no other follows. `large` ones matter most; the others of a long path are shown as rows. In
    `failing` ones, a system that deploys reported a failure.
    """

    status: EnvironmentStatus
    chips: tuple[Chip, ...]
    entry: bool
    incoming: bool
    end: bool
    large: bool
    failing: bool


@dataclass(frozen=True)
class Obstacle:
    """A blocker or problem, with its change or environment."""

    text: str
    why: str
    tone: str
    environment: str
    change: Change | None = None
    at: datetime | None = None


def cards(site: Site, seen: Seen, now: datetime) -> tuple[Card, ...]:
    path = site.platform.engine.path
    names = [row.name for row in seen.rows]
    passed = {source.name for name in path.names for source in path.sources(name)}
    ends = {name for name in names if name not in passed}
    large = names if len(names) <= _MOST_CARDS else ends.union(names[-_LAST:])
    return tuple(
        _card(site, seen, row, now, end=row.name in ends, large=row.name in large)
        for row in seen.rows
    )


def obstacles(seen: Seen) -> tuple[Obstacle, ...]:
    """List current blockers: unreadable, locked and closed environments, then missing approvals."""
    awaiting = (each for each in seen.pending if each.state is ChangeState.AWAITING_APPROVAL)
    return (*_places(seen), *map(_waiting, awaiting))


def problems(site: Site, seen: Seen) -> tuple[Obstacle, ...]:
    """List drift, and failures since yesterday, which block nothing."""
    return (*_drifts(seen), *_failures(site, seen))


def failures(site: Site, limit: int = _LOOKBACK) -> tuple[Change, ...]:
    """List the newest failed changes, without those that a later change repeats."""
    repeated: set[tuple[str, str]] = set()
    found = []
    for change in site.platform.store.recent(limit):
        place = (change.version, change.target)
        if place not in repeated and change.state in _FAILED:
            found.append(change)
        repeated.add(place)
    return tuple(found)


def _card(
    site: Site, seen: Seen, row: EnvironmentStatus, now: datetime, *, end: bool, large: bool
) -> Card:
    path = site.platform.engine.path
    sources = path.sources(row.name) if row.name in path.names else ()
    pending = seen.pending_to(row.name)
    before = [found for each in sources if (found := seen.row(each.name))] if row.known else []
    behind = max((_behind(site, row, each) for each in before), default=0)
    record, health = _record(site, row), health_of(site, row)
    shown = chips(row, pending, record, behind, now, entry=not sources, health=health)
    failing = health is not None and bool(health.failed)
    return Card(row, shown, not sources, bool(pending), end, large, failing)


def health_of(site: Site, row: EnvironmentStatus) -> Rollout | None:
    """Return the health of the running version; None if it is not known."""
    try:
        return rollout(row.state, site.platform.deployments.of(row.name))
    except PromotionError:
        return None


def _record(site: Site, row: EnvironmentStatus) -> CachedRecord | None:
    """Return the record of the running version, if it was read."""
    try:
        return site.records.store.by_id(row.state.record) if row.state.record else None
    except PromotionError:
        return None


def _behind(site: Site, row: EnvironmentStatus, before: EnvironmentStatus) -> int:
    """Count the newer versions of the previous environment."""
    if before.state.version is None or before.state.version == row.state.version:
        return 0
    try:
        newest = site.records.store.page(Selection(environment=before.name), _LOOKBACK)
    except PromotionError:
        return 0
    passed: set[str] = set()
    for kept in newest:
        version = getattr(kept.record, "version", None)
        if version == row.state.version:
            break
        newer = row.state.version is None or _newer(version, row.state.version)
        if version and newer and kept.record.kind in ("promotion", "rollback"):
            passed.add(version)
    return len(passed)


def _newer(version: str | None, than: str) -> bool:
    return version is not None and version_order(version) > version_order(than)


def _places(seen: Seen) -> Iterator[Obstacle]:
    for row in seen.rows:
        if row.error:
            yield Obstacle("cannot be read", str(row.error), "bad", row.name)
        if row.lock:
            by = f"locked by {row.lock.operator}"
            yield Obstacle(by, row.lock.reason, "warn", row.name, at=row.lock.at)
        if row.window and row.window.closed_by:
            yield Obstacle(row.window.note, row.window.explanation, "warn", row.name)


def _drifts(seen: Seen) -> Iterator[Obstacle]:
    for row in seen.rows:
        if row.drifted:
            why = f"{row.deviation}. To put it back: {row.restore_command}"
            yield Obstacle("drifted", why, "bad", row.name)


def _waiting(change: Change) -> Obstacle:
    verb = {"rollback": "roll back to", "waive": "waive"}.get(change.action, "promote")
    return Obstacle(
        f"{verb} {change.version}",
        waiting(change),
        "info",
        change.target,
        change,
        change.created_at,
    )


def _is_resolved(change: Change, row: EnvironmentStatus | None) -> bool:
    """Whether nothing blocks any more: it was declined, the lock was lifted, or a window opened."""
    if change.state in (ChangeState.REJECTED, ChangeState.STALE):
        return True
    if change.ended is None or row is None or not row.known:
        return False
    if change.ended.reason_code == WindowClosedError.reason_code:
        return row.window is None or row.window.closed_by is None
    return change.ended.reason_code == EnvironmentLockedError.reason_code and row.lock is None


def _is_unknown(change: Change) -> bool:
    """Whether no environment had the version: most often a typing mistake."""
    if change.ended is None or change.ended.reason_code != ArtifactNotFoundError.reason_code:
        return False
    return change.ended.details.get("environments") == []


def _failures(site: Site, seen: Seen) -> Iterator[Obstacle]:
    try:
        failed = failures(site)
    except PromotionError:
        return
    now = site.platform.engine.now()
    for change in failed:
        row = seen.row(change.target)
        since = row.state.since if row else None
        # A later change of the environment made it irrelevant.
        if now - change.updated_at > _RECENTLY or (since and since > change.updated_at):
            continue
        if _is_resolved(change, row) or _is_unknown(change):
            continue
        why = change.ended.message if change.ended else change.state.value
        text = f"{change.version} {change.state.value}"
        yield Obstacle(text, why, "bad", change.target, change, change.updated_at)
