"""Versions by environments: where each of late is, was, is going, or failed to go."""

from dataclasses import dataclass

from engine.domain.errors import PromotionError
from web.dashboard import failures
from web.formatting import rank
from web.site import Site
from web.status_cache import Seen

_VERSIONS = 12
_CHANGES = 200
WORDS = {
    "live": "live",
    "expected": "should be live",
    "flight": "in flight",
    "failed": "failed",
    "was": "was here",
    "published": "published",
    "never": "never reached",
}


@dataclass(frozen=True)
class Cell:
    """`state` is a key of WORDS; `change` is the change to read about, where there is one."""

    environment: str
    state: str
    change: str | None = None

    @property
    def words(self) -> str:
        return WORDS[self.state]


@dataclass(frozen=True)
class Row:
    version: str
    cells: tuple[Cell, ...]


def grid(site: Site, seen: Seen) -> tuple[Row, ...]:
    """Those of late, by version; StoreUnavailableError when the copy of the records is not read."""
    kept = site.records.kept
    flights = {(c.version, c.target): c.id for c in seen.pending}
    try:
        failed = {(c.version, c.target): c.id for c in failures(site, _CHANGES)}
    except PromotionError:
        failed = {}
    asked = dict.fromkeys([*(version for version, _ in flights), *kept.versions(_VERSIONS)])
    versions = tuple(asked)[:_VERSIONS]
    live = {(row.deployed_version, row.name) for row in seen.rows}
    expected = {(row.state.version, row.name) for row in seen.rows}
    placed = kept.placed(versions)
    names = site.platform.engine.path.names

    def cell(version: str, name: str) -> Cell:
        place = (version, name)
        if place in flights:
            return Cell(name, "flight", flights[place])
        if place in live:
            return Cell(name, "live")
        if place in expected:
            return Cell(name, "expected")
        if place in placed:
            return Cell(name, "was")
        if place in failed:
            return Cell(name, "failed", failed[place])
        # What is further along the path was there, and builds leave no record.
        return Cell(name, "published" if name == names[0] else "never")

    newest = sorted(versions, key=rank, reverse=True)
    return tuple(Row(v, tuple(cell(v, name) for name in names)) for v in newest)
