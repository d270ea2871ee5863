"""The `RecordStore`: a copy of the ledgers, which may be deleted at any time."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from engine.adapters.store.rows import micros, moment
from engine.domain.artifact import Digest
from engine.domain.ledger import LedgerEntry
from engine.domain.names import canonical_name
from engine.domain.product import UNNAMED, qualified, split_place, unqualified
from engine.domain.record import record_from_bytes
from engine.domain.selection import Selection, search_text
from engine.domain.state import EnvironmentState, LockState
from engine.domain.status import EnvironmentStatus
from engine.ports.record_cache import CachedRange, CachedRecord, CachedStatus, Cursor
from engine.runtime.database import Connection, Database

_KEEP = """
INSERT INTO records (environment, sequence, digest, id, at, kind, version, subject, brings,
    operator, operator_id, content, product)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (environment, sequence) DO UPDATE SET digest = excluded.digest, id = excluded.id,
    at = excluded.at, kind = excluded.kind, version = excluded.version, subject = excluded.subject,
    brings = excluded.brings, operator = excluded.operator, operator_id = excluded.operator_id,
    content = excluded.content, product = excluded.product
"""
_COVER = """
INSERT INTO covered (environment, first, last, digest, before, product)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (environment) DO UPDATE SET first = excluded.first, last = excluded.last,
    digest = excluded.digest, before = excluded.before, product = excluded.product
"""
_SEE = """
INSERT INTO seen (environment, at, state, latest, lock, product) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (environment) DO UPDATE SET at = excluded.at, state = excluded.state,
    latest = excluded.latest, lock = excluded.lock, product = excluded.product
"""
_COVERED = "SELECT first, last, digest, before FROM covered WHERE environment = ?"
_FIELDS = """
SELECT environment, sequence, digest, content, CASE WHEN brings = 1 THEN (
    SELECT at FROM records AS next WHERE next.brings = 1 AND next.environment = records.environment
    AND next.sequence > records.sequence ORDER BY next.sequence LIMIT 1) END
FROM records
"""
_NEWEST_FIRST = "ORDER BY at DESC, environment DESC, sequence DESC"
_ALL_COVERED = "SELECT environment, first, last, digest, before FROM covered WHERE product = ?"
_ALL_SEEN = "SELECT environment, at, state, latest, lock FROM seen WHERE product = ?"
_COUNT = """
SELECT environment, kind, count(*) FROM records WHERE product = ? GROUP BY environment, kind
"""
_VERSIONS = """
SELECT version FROM records WHERE product = ? AND version IS NOT NULL
GROUP BY version ORDER BY max(at) DESC, version DESC LIMIT ?
"""
_SEARCHED = ("version", "subject", "id", "operator", "operator_id")
_SEARCH = " OR ".join(f"lower({column}) LIKE ? ESCAPE '!'" for column in _SEARCHED)


class SqlRecords:
    """
    Implements `engine.ports.record_cache.RecordStore` in the tables of `database`, which the
    products of a server share: this is the copy of `product`.
    """

    def __init__(self, database: Database, product: str = UNNAMED) -> None:
        self._database = database
        self._product = product

    def close(self) -> None:
        self._database.close()

    def cached_ranges(self) -> dict[str, CachedRange]:
        with self._database.read() as db:
            rows = db.execute(_ALL_COVERED, [self._product]).fetchall()
        return {self._environment(place): _range(*row) for place, *row in rows}

    def extend(
        self,
        environment: str,
        entries: Iterable[LedgerEntry],
        before: CachedRange | None,
        after: CachedRange,
    ) -> bool:
        place = self._place(environment)
        with self._database.write() as db:
            if _covered(db, place) != before:
                return False
            for entry in entries:
                db.execute(_KEEP, [place, *_row(entry), self._product])
            covered = [after.first, after.last, str(after.digest)]
            oldest = after.before and str(after.before)
            db.execute(_COVER, [place, *covered, oldest, self._product])
        return True

    def forget(self, environment: str) -> None:
        place = self._place(environment)
        with self._database.write() as db:
            db.execute("DELETE FROM covered WHERE environment = ?", [place])
            db.execute("DELETE FROM records WHERE environment = ?", [place])

    def page(
        self, selection: Selection, limit: int, after: Cursor | None = None
    ) -> tuple[CachedRecord, ...]:
        where, values = self._conditions(selection, after)
        return self._kept(f"{_FIELDS}{where} {_NEWEST_FIRST} LIMIT ?", [*values, limit])

    def recent(
        self,
        products: Collection[str],
        kinds: Collection[str],
        since: datetime,
        limit: int,
        environment: str | None = None,
    ) -> tuple[tuple[str, CachedRecord], ...]:
        places = [qualified(each, environment) for each in products if environment]
        several = {"product": products, "kind": kinds} | ({"environment": places} if places else {})
        words = [f"{name} IN ({', '.join('?' * len(each))})" for name, each in several.items()]
        given = [value for each in several.values() for value in each]
        # The index of kinds has all columns of the inner query, so no other content is read.
        newest = (
            "SELECT environment, sequence FROM records "  # noqa: S608 - question marks only
            f"WHERE {' AND '.join(words)} AND at >= ? "
            f"{_NEWEST_FIRST} LIMIT ?"
        )
        asked = f"{_FIELDS} WHERE (environment, sequence) IN ({newest}) {_NEWEST_FIRST}"
        with self._database.read() as db:
            rows = db.execute(asked, [*given, micros(since), limit]).fetchall()
        return tuple(
            (split_place(place)[0], _record(split_place(place)[1], *row)) for place, *row in rows
        )

    def by_id(self, record_id: str) -> CachedRecord | None:
        asked = f"{_FIELDS} WHERE id = ? AND product = ? LIMIT 1"
        return next(iter(self._kept(asked, [record_id, self._product])), None)

    def arrival(self, environment: str, digest: str) -> CachedRecord | None:
        asked = f"{_FIELDS} WHERE environment = ? AND subject = ? AND brings = 1"
        newest = f"{asked} ORDER BY sequence DESC LIMIT 1"
        return next(iter(self._kept(newest, [self._place(environment), digest])), None)

    def versions(self, limit: int) -> tuple[str, ...]:
        with self._database.read() as db:
            rows = db.execute(_VERSIONS, [self._product, limit]).fetchall()
        return tuple(version for (version,) in rows)

    def find_placements(self, versions: Sequence[str]) -> frozenset[tuple[str, str]]:
        marks = ", ".join("?" * len(versions))
        found = (
            "SELECT DISTINCT version, environment FROM records WHERE product = ? "  # noqa: S608 - question marks only
            f"AND version IN ({marks}) AND brings = 1"
        )
        with self._database.read() as db:
            rows = db.execute(found, [self._product, *versions]).fetchall()
        return frozenset((version, self._environment(place)) for version, place in rows)

    def count(self) -> dict[tuple[str, str], int]:
        with self._database.read() as db:
            rows = db.execute(_COUNT, [self._product]).fetchall()
        return {(self._environment(place), kind): number for place, kind, number in rows}

    def store_statuses(self, statuses: Iterable[CachedStatus]) -> None:
        with self._database.write() as db:
            for each in statuses:
                status = each.status
                state = status.state.model_dump_json()
                row = [self._place(status.name), micros(each.at), state]
                lock = status.lock.model_dump_json() if status.lock else None
                latest = str(status.latest) if status.latest else None
                db.execute(_SEE, [*row, latest, lock, self._product])

    def statuses(self) -> tuple[CachedStatus, ...]:
        with self._database.read() as db:
            rows = db.execute(_ALL_SEEN, [self._product]).fetchall()
            return tuple(_seen(self._environment(place), *row) for place, *row in rows)

    def _place(self, environment: str) -> str:
        return qualified(self._product, environment)

    def _environment(self, place: str) -> str:
        return unqualified(self._product, place)

    def _conditions(self, selection: Selection, after: Cursor | None) -> tuple[str, list[Any]]:
        asked: list[tuple[str, list[Any]]] = [("product = ?", [self._product])]
        simple: tuple[tuple[Any, str, Callable[[Any], Any]], ...] = (
            (selection.environment, "environment = ?", self._place),
            (selection.version, "version = ?", str),
            # Hex digits only, so nothing in it is a pattern.
            (selection.digest, "subject LIKE ?", "{}%".format),
            (selection.kind, "kind = ?", str),
            (selection.since, "at >= ?", micros),
            (selection.until, "at < ?", micros),
        )
        asked += [(word, [made(value)]) for value, word, made in simple if value is not None]
        if selection.operator is not None:
            # The product in both parts, so that each part is found by its index.
            operator = [self._product, canonical_name(selection.operator)]
            either = "(product = ? AND operator = ? OR product = ? AND operator_id = ?)"
            asked[0] = (either, operator * 2)
        if selection.search is not None:
            asked.append((f"({_SEARCH})", [_pattern(selection.search)] * len(_SEARCHED)))
        if after is not None:
            at, environment, sequence = after
            end = [micros(at), self._place(environment), sequence]
            asked.append(("(at, environment, sequence) < (?, ?, ?)", end))
        words = " AND ".join(word for word, _ in asked)
        return f" WHERE {words}", [value for _, values in asked for value in values]

    def _kept(self, statement: str, values: list[Any]) -> tuple[CachedRecord, ...]:
        with self._database.read() as db:
            rows = db.execute(statement, values).fetchall()
        return tuple(_record(self._environment(place), *row) for place, *row in rows)


def _record(
    environment: str, sequence: int, digest: str, content: bytes, until: int | None
) -> CachedRecord:
    replaced = moment(until) if until is not None else None
    return CachedRecord(environment, sequence, Digest(digest), record_from_bytes(content), replaced)


def _pattern(search: str) -> str:
    """The pattern for LIKE that finds `search` anywhere in a text."""
    text = search_text(search)
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return f"%{text}%"


def _covered(db: Connection, environment: str) -> CachedRange | None:
    row = db.execute(_COVERED, [environment]).fetchone()
    return _range(*row) if row else None


def _range(first: int, last: int, digest: str, before: str | None) -> CachedRange:
    return CachedRange(first, last, Digest(digest), Digest(before) if before else None)


def _row(entry: LedgerEntry) -> list[Any]:
    record = entry.record
    return [
        entry.sequence,
        str(entry.digest),
        record.id,
        micros(record.at),
        record.kind,
        record.subject_version,
        record.subject_digest,
        int(record.kind in ("promotion", "rollback")),
        canonical_name(record.operator),
        canonical_name(record.operator_id),
        record.to_bytes(),
    ]


def _seen(name: str, at: int, state: str, latest: str | None, lock: str | None) -> CachedStatus:
    status = EnvironmentStatus(
        name,
        EnvironmentState.model_validate_json(state),
        Digest(latest) if latest else None,
        LockState.model_validate_json(lock) if lock else None,
    )
    return CachedStatus(status, moment(at))
