"""The rows of the first page of a server with several products."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.domain.change import Change
from engine.domain.errors import PromotionError
from engine.domain.operator import Operator
from engine.domain.status import EnvironmentStatus
from web.authentication import visible_broken, visible_sites
from web.badges import Chip, environment_chips, waiting
from web.formatting import brief
from web.site import Site
from web.status_cache import Seen

NO_OWNER = "No owner"
_BROKEN = "broken file"


@dataclass(frozen=True)
class Cell:
    """An environment of a product; `age` is how long the version has been running."""

    version: str
    age: str
    chips: tuple[Chip, ...]


@dataclass(frozen=True)
class ProductRow:
    """
    A product. `cells` are by environment, `problem` says in a few words why they may be old, and
    `why` in a sentence. `age` is how long ago they were read. A search looks into `words`.
    """

    name: str
    owner: str | None
    cells: Mapping[str, Cell]
    age: str
    problem: str
    why: str
    words: str
    favourite: bool

    @property
    def needs_attention(self) -> bool:
        return bool(self.why) or any(each.chips for each in self.cells.values())


@dataclass(frozen=True)
class Waiting:
    """A change that waits for the visitor."""

    product: str
    change: Change
    state: str


@dataclass(frozen=True)
class View:
    """The parameters of the page: the words to find, the rows to leave out, and the groups."""

    text: str = ""
    attention: bool = False
    grouped: bool = True

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "View":
        return cls(
            text=" ".join(given.get("q", "").split())[:200],
            attention=given.get("only") == "attention",
            grouped=given.get("group") != "none",
        )

    @property
    def query(self) -> dict[str, Any]:
        """The parameters, without those that have their usual value."""
        found: dict[str, Any] = {"q": self.text} if self.text else {}
        found |= {"only": "attention"} if self.attention else {}
        return found if self.grouped else found | {"group": "none"}

    def shows(self, row: ProductRow) -> bool:
        if self.attention and not row.needs_attention:
            return False
        return all(word in row.words for word in self.text.casefold().split())


def product_rows(
    pending: Iterable[Change], favourites: frozenset[str], now: datetime
) -> tuple[ProductRow, ...]:
    """Return all products by name, as they were last read, without a request to a registry."""
    by_product: dict[str, list[Change]] = {}
    sites, broken = visible_sites(), visible_broken()
    for change in pending:
        by_product.setdefault(change.product, []).append(change)
    rows = [
        _row(site, by_product.get(name, []), name in favourites, now, broken.get(name))
        for name, site in sites.items()
    ]
    rows += [_broken(name, why, favourites) for name, why in broken.items() if name not in sites]
    return tuple(sorted(rows, key=lambda row: row.name))


def columns() -> tuple[str, ...]:
    """Merge the paths of all products into one, in which each path keeps its order if it can."""
    merged: list[str] = []
    for names in sorted({site.platform.engine.path.names for site in visible_sites().values()}):
        at = 0
        for name in names:
            if name in merged:
                at = max(at, merged.index(name) + 1)
            else:
                merged.insert(at, name)
                at += 1
    return tuple(merged)


def groups(rows: Iterable[ProductRow], view: View) -> tuple[tuple[str, list[ProductRow]], ...]:
    """Group rows: favourites first, then by owner, those without one last."""
    found: dict[str, list[ProductRow]] = {}
    for row in rows:
        owner = (row.owner or NO_OWNER) if view.grouped else ""
        found.setdefault("Favourites" if row.favourite else owner, []).append(row)
    rank = {"Favourites": 0, NO_OWNER: 2}
    return tuple(sorted(found.items(), key=lambda each: (rank.get(each[0], 1), each[0])))


def waiting_for(pending: Iterable[Change], person: Operator | None) -> tuple[Waiting, ...]:
    """List the changes that `person` may approve, oldest first."""
    sites = visible_sites()
    return tuple(
        Waiting(change.product, change, waiting(change))
        for change in pending
        if person is not None
        and (site := sites.get(change.product)) is not None
        and site.platform.changes.awaits(change, person)
    )


def reasons(rows: Iterable[ProductRow]) -> tuple[tuple[str, list[str]], ...]:
    """Group the names of products by the sentence that says why they cannot be read."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.why:
            found.setdefault(row.why, []).append(row.name)
    return tuple(found.items())


def state_of(seen: Seen) -> tuple[str, str]:
    """Return why rows may be old: a state of the API, and the words of the page for it."""
    if seen.error is not None:
        return "unreachable", "unreachable"
    return ("ready", "") if seen.at else ("unread", "not read yet")


def _row(
    site: Site,
    pending: list[Change],
    favourite: bool,
    now: datetime,
    broken: PromotionError | None,
) -> ProductRow:
    platform, seen = site.platform, site.board.last()
    to: dict[str, list[Change]] = {}
    for change in pending:
        to.setdefault(change.target, []).append(change)
    entry = platform.engine.path.entry.name
    problem = _BROKEN if broken else state_of(seen)[1]
    cells = {
        each.name: _cell(each, to.get(each.name, []), now, entry=each.name == entry)
        for each in seen.rows
    }
    for name in to.keys() - cells.keys():
        cells[name] = Cell("", "", environment_chips(None, to[name], now, entry=False))
    return ProductRow(
        name=platform.product,
        owner=platform.owner,
        cells=cells,
        age=brief(seen.at, now),
        problem=problem,
        why=str(broken or seen.error or ""),
        words=_words(platform.product, platform.owner, problem, cells),
        favourite=favourite,
    )


def _cell(row: EnvironmentStatus, pending: list[Change], now: datetime, *, entry: bool) -> Cell:
    version = row.deployed if row.deviates else row.state.version or row.published or ""
    chips = environment_chips(row, pending, now, entry=entry)
    return Cell(version, brief(row.state.since, now), chips)


def _broken(name: str, why: PromotionError, favourites: frozenset[str]) -> ProductRow:
    words = f"{name} {_BROKEN}".casefold()
    return ProductRow(name, None, {}, "", _BROKEN, str(why), words, name in favourites)


def _words(name: str, owner: str | None, problem: str, cells: Mapping[str, Cell]) -> str:
    return " ".join([name, owner or "", problem, *_texts(cells)]).casefold()


def _texts(cells: Mapping[str, Cell]) -> Iterator[str]:
    for cell in cells.values():
        yield cell.version
        yield from (chip.text for chip in cell.chips)
