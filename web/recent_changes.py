"""Recent changes of all products that the visitor may see."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.domain.change import Change
from engine.domain.product import qualified
from engine.domain.record import AnyRecord
from engine.domain.state import LockState
from engine.domain.status import EnvironmentStatus
from web.authentication import visible_sites, visitor
from web.badges import Chip, health_chip
from web.dashboard import health_of
from web.history_rows import (
    RESULTS,
    approvers_of,
    changes_by_record,
    reason_of,
    version_before,
)
from web.site import Site, shared
from web.status_cache import Seen

_MOST = 100
# Locks of manifest.yaml have no time.
_ALWAYS = datetime.min.replace(tzinfo=UTC)
_KINDS = ("promotion", "rollback", "restore", "lock", "unlock")


@dataclass(frozen=True)
class Recent:
    """
    A record. `result` has a `tone`, `before` is the version that was replaced, and `live` says that
    the version runs now. `change` is the id of its change, if that is recent.
    """

    product: str
    environment: str
    record: AnyRecord
    result: str
    tone: str
    approved_by: tuple[str, ...]
    reason: str
    before: str | None
    live: bool
    health: Chip | None
    change: str | None
    may_lock: bool

    @property
    def place(self) -> str:
        return qualified(self.product, self.environment)


@dataclass(frozen=True)
class Locked:
    """An environment that is locked now."""

    product: str
    environment: str
    lock: LockState


def snapshots() -> Mapping[str, Seen]:
    """
    Return the last known status of each product that the visitor may see, by name.

    Background work reads those of several products; that of a single one is read now.
    """
    several = shared().products.several
    return {
        name: site.board.last() if several else site.board.look()
        for name, site in visible_sites().items()
    }


def recent_changes(
    seen: Mapping[str, Seen], since: datetime, environment: str | None
) -> tuple[Recent, ...]:
    """List the changes `since`, newest first, in one `environment` or in all."""
    # A reload may have opened products that are not among the `seen` ones.
    sites = {name: site for name, site in visible_sites().items() if name in seen}
    if not sites:
        return ()
    # All products share the tables, so the store of one reads the records of all.
    store = next(iter(sites.values())).records.store
    found = store.recent(tuple(sites), _KINDS, since, _MOST, environment)
    changes = changes_by_record(shared().products.store)
    return tuple(
        _recent(sites[name], seen[name].row(kept.environment), kept.record, changes)
        for name, kept in found
    )


def locks(seen: Mapping[str, Seen], environment: str | None) -> tuple[Locked, ...]:
    """List the locks in force, the newest first, in one `environment` or in all."""
    found = [
        Locked(name, row.name, row.lock)
        for name, status in seen.items()
        for row in status.rows
        if row.lock and environment in (None, row.name)
    ]
    return tuple(sorted(found, key=lambda each: each.lock.at or _ALWAYS, reverse=True))


def environments() -> tuple[str, ...]:
    """List the environments of all products, the last ones of their paths first."""
    left: dict[str, int] = {}
    for site in visible_sites().values():
        for number, name in enumerate(reversed(site.platform.engine.path.names)):
            left[name] = max(number, left.get(name, 0))
    return tuple(sorted(left, key=lambda name: (left[name], name)))


def _recent(
    site: Site, row: EnvironmentStatus | None, record: AnyRecord, changes: Mapping[str, Change]
) -> Recent:
    person = visitor()
    live = row is not None and row.state.record == record.id
    result, tone = RESULTS[record.kind]
    return Recent(
        product=site.platform.product,
        environment=record.ledger,
        record=record,
        result=result,
        tone=tone,
        approved_by=approvers_of(record),
        reason=reason_of(record),
        before=version_before(record),
        live=live,
        health=health_chip(health_of(site, row)) if row and live else None,
        change=change.id if (change := changes.get(record.id)) else None,
        may_lock=(
            row is not None
            and row.lock is None
            and person is not None
            and site.platform.may_lock(person, row.name)
        ),
    )
