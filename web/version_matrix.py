"""The version matrix: where each recent version is, was, goes, or failed to go."""

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
    """A cell. `state` is a key of WORDS; `change` links to the change, if any."""

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
    """Return recent versions; StoreUnavailableError if the record copy cannot be read."""
    kept = site.records.store
    flights = {(c.version, c.target): c.id for c in seen.pending}
    try:
        failed = {(c.version, c.target): c.id for c in failures(site, _CHANGES)}
    except PromotionError:
        failed = {}
    asked = dict.fromkeys([*(version for version, _ in flights), *kept.versions(_VERSIONS)])
    versions = tuple(asked)[:_VERSIONS]
    live = {(row.deployed_version, row.name) for row in seen.rows}
    expected = {(row.state.version, row.name) for row in seen.rows}
    placed = kept.find_placements(versions)
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
        # A version further along the path was here before; builds leave no record.
        return Cell(name, "published" if name == names[0] else "never")

    newest = sorted(versions, key=rank, reverse=True)
    return tuple(Row(v, tuple(cell(v, name) for name in names)) for v in newest)
