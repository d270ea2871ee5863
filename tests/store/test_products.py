"""Products with equal environment names never see each other's rows."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from engine.adapters.store.record_tables import MIGRATIONS, records_database
from engine.adapters.store.records import SqlRecords
from engine.adapters.webhooks import MIGRATIONS as OUTBOX
from engine.adapters.webhooks import SqlOutbox
from engine.domain.artifact import Version
from engine.domain.delivery import Delivery
from engine.domain.ledger import LedgerEntry
from engine.domain.selection import Selection
from engine.domain.state import EnvironmentState
from engine.domain.status import EnvironmentStatus
from engine.ports.record_cache import CachedRange, CachedRecord, CachedStatus
from engine.runtime.sqlite_database import SqliteDatabase
from tests.checks.contexts import entry
from tests.domain.records import a_promotion
from tests.store.databases import Databases
from tests.store.stores import MINUTE, NOON

SECOND = timedelta(seconds=1)

PRODUCTS = ("", "checkout", "checkout-2", "billing")


def entries_of(product: str, size: int = 3) -> list[LedgerEntry]:
    """Entries of `prod`, oldest first, with ids and times of their own."""
    offset = PRODUCTS.index(product) * timedelta(seconds=1)
    made = []
    for number in range(size):
        record = a_promotion(
            version=f"v1.0.{number}",
            promotion_id=f"00000000-0000-4000-8000-{PRODUCTS.index(product):04}{number:08}",
            promoted_at=NOON + number * MINUTE + offset,
            operator=f"{product or 'nobody'}@acme.com",
        )
        made.append(replace(entry(record), sequence=number + 1))
    return made


def copies_of(databases: Databases) -> dict[str, SqlRecords]:
    """The copies of several products in one set of tables, with the same environments."""
    copies = {product: SqlRecords(databases.records(), product) for product in PRODUCTS}
    for product, copy in copies.items():
        entries = entries_of(product)
        covered = CachedRange(1, 3, entries[-1].digest, None)
        assert copy.extend(entries[0].environment, entries, None, covered)
        status = EnvironmentStatus("prod", EnvironmentState(), None, None)
        at = NOON + PRODUCTS.index(product) * MINUTE
        copy.store_statuses([CachedStatus(status, at)])
    return copies


def ids(found: tuple[CachedRecord, ...]) -> list[str]:
    return [each.record.id for each in found]


@pytest.mark.parametrize("product", PRODUCTS)
def test_copy_of_records_belongs_to_one_product(databases: Databases, product: str) -> None:
    copy, entries = copies_of(databases)[product], entries_of(product)
    name, own = entries[0].environment, [each.record.id for each in reversed(entries)]
    another = entries_of(next(each for each in PRODUCTS if each != product))[0].record

    everything = copy.page(Selection(), 100)
    after = (everything[0].record.at, everything[0].environment, everything[0].sequence)

    assert ids(everything) == own
    assert [each.until for each in everything] == [
        None,
        *(each.record.at for each in reversed(entries[1:])),
    ]
    assert {each.environment for each in everything} == {name}
    assert ids(copy.page(Selection(environment=name), 100)) == own
    assert ids(copy.page(Selection(kind="promotion"), 100, after)) == own[1:]
    assert ids(copy.page(Selection(version=Version("v1.0.1")), 100)) == [own[1]]
    assert ids(copy.page(Selection(search="V1.0.1"), 100)) == [own[1]]
    assert ids(copy.page(Selection(search=own[0].upper()), 100)) == [own[0]]
    assert copy.page(Selection(search="v%1"), 100) == ()
    assert ids(copy.page(Selection(until=everything[1].record.at), 100)) == own[2:]
    assert copy.page(Selection(operator=another.operator), 100) == ()
    assert copy.by_id(another.id) is None
    assert copy.by_id(own[0]) == everything[0]
    assert copy.versions(10) == ("v1.0.2", "v1.0.1", "v1.0.0")
    assert copy.find_placements(["v1.0.1"]) == {("v1.0.1", name)}
    assert copy.count() == {(name, "promotion"): 3}
    assert set(copy.cached_ranges()) == {name}
    assert [(each.status.name, each.at) for each in copy.statuses()] == [
        ("prod", NOON + PRODUCTS.index(product) * MINUTE)
    ]


def test_product_forgets_its_own_copy_only(databases: Databases) -> None:
    copies = copies_of(databases)
    name = entries_of("")[0].environment

    copies["checkout"].forget(name)

    left = {product: len(copy.page(Selection(), 100)) for product, copy in copies.items()}
    assert left == {"": 3, "checkout": 0, "checkout-2": 3, "billing": 3}
    assert copies["checkout"].cached_ranges() == {}


def test_newest_records_of_several_products_are_merged(databases: Databases) -> None:
    copies, kinds = copies_of(databases), ("promotion", "rollback")
    several = ("checkout", "checkout-2")

    found = copies["billing"].recent(several, kinds, NOON + MINUTE, 3)

    places = [(name, kept.environment, kept.record.subject_version) for name, kept in found]
    assert places == [
        ("checkout-2", "prod", "v1.0.2"),
        ("checkout", "prod", "v1.0.2"),
        ("checkout-2", "prod", "v1.0.1"),
    ]
    assert [kept.until for _, kept in found] == [None, None, NOON + 2 * MINUTE + SECOND * 2]
    assert copies[""].recent(("",), kinds, NOON, 9, "prod")[0][0] == ""
    assert copies[""].recent(several, kinds, NOON, 9, "staging") == ()
    assert copies[""].recent(several, ("lock",), NOON, 9) == ()
    assert copies[""].recent(several, kinds, NOON + 9 * MINUTE, 9) == ()


def test_copy_of_the_previous_version_has_no_product(databases: Databases) -> None:
    database = databases.records()
    older = replace(database, migrations=MIGRATIONS[:3])
    row = ["prod", 1, "sha256:1", "r-1", 1, "lock", 0, "alice", "slack:T1/U1", b"{}"]
    with older.write() as db:
        db.execute(
            "INSERT INTO records (environment, sequence, digest, id, at, kind, brings, operator, "
            "operator_id, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )

    assert SqlRecords(database).count() == {("prod", "lock"): 1}
    assert SqlRecords(database, "checkout").count() == {}


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(environment="prod"),
        Selection(kind="lock"),
        Selection(version=Version("v1.0.0")),
        Selection(since=NOON),
    ],
)
def test_page_is_read_in_the_order_of_an_index(tmp_path: Path, selection: Selection) -> None:
    plans = plans_of(tmp_path, lambda copy: copy.page(selection, 50, (NOON, "prod", 7)))

    assert "USING INDEX product_" in plans[0]
    assert not [plan for plan in plans if "SCAN" in plan or "TEMP B-TREE" in plan]


@pytest.mark.parametrize(
    ("read", "index"),
    [
        (lambda copy: copy.by_id("id"), "USING INDEX product_id (id=? AND product=?)"),
        (
            lambda copy: copy.page(Selection(operator="alice@acme.com"), 9),
            "INDEX product_operator (product=? AND operator=?)",
        ),
        (
            lambda copy: copy.recent(("checkout", "search"), ("lock", "unlock"), NOON, 9),
            "COVERING INDEX product_kind (product=? AND kind=? AND at>?)",
        ),
        (lambda copy: copy.versions(9), "COVERING INDEX product_version (product=? AND version>?)"),
        (
            lambda copy: copy.find_placements(["v1.0.0"]),
            "COVERING INDEX product_places (product=? AND version=?)",
        ),
        (lambda copy: copy.count(), "COVERING INDEX product_counted (product=?)"),
        (lambda copy: copy.cached_ranges(), "INDEX product_covered (product=?)"),
        (lambda copy: copy.statuses(), "INDEX product_seen (product=?)"),
    ],
)
def test_query_of_a_product_uses_its_index(
    tmp_path: Path, read: Callable[[SqlRecords], object], index: str
) -> None:
    assert index in "; ".join(plans_of(tmp_path, read))


class Explaining:
    """Lends a connection to `file` that writes down how it carries out each statement."""

    def __init__(self, file: SqliteDatabase) -> None:
        self._file = file
        self.plans: list[str] = []

    @contextmanager
    def read(self) -> Iterator["Explaining"]:
        yield self

    def execute(self, statement: str, values: Sequence[object]) -> sqlite3.Cursor:
        with self._file.read() as db:
            rows = db.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            self.plans += [row[3] for row in rows]
            return db.execute(statement, values)


def plans_of(folder: Path, read: Callable[[SqlRecords], object]) -> list[str]:
    """How SQLite carries out the one statement of `read`."""
    with closing(records_database(folder)) as file:
        explaining = Explaining(file)
        read(SqlRecords(cast(Any, explaining), "checkout"))
    return explaining.plans


def test_outbox_belongs_to_one_product(databases: Databases) -> None:
    outboxes = {product: SqlOutbox(databases.outbox(), product) for product in PRODUCTS}
    for number, (product, outbox) in enumerate(outboxes.items()):
        created = NOON + number * MINUTE
        made = Delivery(
            f"id-{product}", 0, "address", "promote", "r-1", b"{}", created, product=product
        )
        outbox.add([made])
    hour = 60 * MINUTE

    taken = {product: box.take(NOON + hour, MINUTE) for product, box in outboxes.items()}
    outboxes["checkout"].failed(taken["checkout"][0], "answered 500", NOON + hour)
    outboxes["billing"].done(taken["billing"][0], NOON + hour)

    assert {p: [each.id for each in found] for p, found in taken.items()} == {
        product: [f"id-{product}"] for product in PRODUCTS
    }
    assert [found[0].product for found in taken.values()] == list(PRODUCTS)
    assert {p: box.waiting() for p, box in outboxes.items()} == {
        "": 1,
        "checkout": 0,
        "checkout-2": 1,
        "billing": 0,
    }
    assert [p for p, box in outboxes.items() if box.failures()] == ["checkout"]
    assert set(outboxes["billing"].due_times()) == {"", "checkout-2"}
    assert not outboxes["checkout-2"].redeliver("id-checkout", NOON)
    assert outboxes["checkout"].redeliver("id-checkout", NOON)


def test_delivery_of_the_previous_version_has_no_product(databases: Databases) -> None:
    database = databases.outbox()
    older = replace(database, migrations=OUTBOX[:1])
    row = ["id-1", 0, "address", "promote", "r-1", b"{}", 1, 0, 1]
    with older.write() as db:
        db.execute(
            "INSERT INTO deliveries (id, hook, address, event, record_id, body, created_at, "
            "attempts, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )

    assert SqlOutbox(database, "checkout").waiting() == 0
    [taken] = SqlOutbox(database).take(NOON, MINUTE)
    assert (taken.id, taken.product) == ("id-1", "")
