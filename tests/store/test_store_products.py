"""The changes of many products in one store."""

import pytest

from engine.adapters.store import SqlStore
from engine.adapters.store.rows import to_json
from engine.domain.change import ChangeState
from engine.domain.gate import GateKind
from tests.store.databases import Databases
from tests.store.stores import MINUTE, NOON, HandClock, change, ids


@pytest.fixture
def stores(databases: Databases, clock: HandClock) -> dict[str | None, SqlStore]:
    """The stores of two products, of a server with one manifest, and of all together."""
    names = ("checkout", "search", "", None)
    return {name: SqlStore(databases.state(), clock, product=name) for name in names}


def test_a_product_sees_only_its_own_changes(stores):
    own = stores["checkout"].add(change(product="checkout"), None)
    other = stores["search"].add(change(product="search"), None)
    unnamed = stores[""].add(change(), None)

    seen = {name: ids(store.open()) for name, store in stores.items()}

    assert seen == {
        "checkout": [own.id],
        "search": [other.id],
        "": [unnamed.id],
        None: [own.id, other.id, unnamed.id],
    }
    assert ids(stores["checkout"].open("prod")) == [own.id]
    assert ids(stores["checkout"].recent(10)) == [own.id]
    assert ids(stores[None].recent(10)) == [unnamed.id, other.id, own.id]
    assert stores["checkout"].get(other.id) is None
    assert stores[None].get(other.id) == other


def test_the_same_request_to_two_products_makes_two_changes(stores):
    first = stores["checkout"].add(change("v1", product="checkout"), "key")
    second = stores["search"].add(change("v1", product="search"), "key")
    again = stores["search"].add(change("v1", product="search"), "key")

    assert (first.product, second.product) == ("checkout", "search")
    assert again == second


def test_environments_of_equal_name_are_worked_on_side_by_side(stores):
    checkout = stores["checkout"].add(change(product="checkout"), None)
    search = stores["search"].add(change(product="search"), None)
    stores["checkout"].add(change(product="checkout"), None)

    claimed = [stores[None].claim(f"w{number}", NOON, MINUTE) for number in range(3)]

    assert claimed == [checkout, search, None]


def test_no_change_of_a_refused_product_is_claimed(stores):
    stores["checkout"].add(change(product="checkout"), None)
    search = stores["search"].add(change(product="search"), None)

    claimed = stores[None].claim(
        "w", NOON, MINUTE, accepts=lambda product, _change: product != "checkout"
    )

    assert claimed == search
    assert stores[None].claim("w", NOON, MINUTE, accepts=lambda _product, _change: False) is None


def test_durations_of_gates_belong_to_a_product(stores):
    stores["checkout"].keep_gate_seconds("prod", GateKind("tests"), 4.0)
    stores[""].keep_gate_seconds("prod", GateKind("tests"), 5.0)

    assert stores["checkout"].gate_seconds("prod", GateKind("tests")) == (4.0,)
    assert stores["search"].gate_seconds("prod", GateKind("tests")) == ()
    assert stores[""].gate_seconds("prod", GateKind("tests")) == (5.0,)


def test_an_older_floe_reads_the_changes_of_one_manifest(stores, databases):
    """It refuses fields that it does not know, and servers of both versions share a store."""
    added = stores[""].add(change(), None)
    moved = added.moved(ChangeState.AWAITING_APPROVAL)
    stores[""].move(added, moved)
    stores["checkout"].add(change(product="checkout"), None)

    with databases.state().read() as db:
        rows = db.execute("SELECT product, document FROM changes ORDER BY number").fetchall()

    assert [product for product, _ in rows] == ["", "checkout"]
    assert '"product"' not in rows[0][1]
    assert to_json({"product": "checkout"})[1:-1].replace(" ", "") in rows[1][1].replace(" ", "")


def test_output_belongs_to_the_product_of_its_change(stores):
    own = stores["checkout"].add(change(product="checkout"), None)
    stores["checkout"].keep_output(own.id, GateKind.TESTS, b"secret")

    seen = {name: store.output(own.id, GateKind.TESTS) for name, store in stores.items()}

    assert (seen["checkout"], seen["search"], seen[None]) == (b"secret", None, b"secret")


def test_output_of_a_run_without_a_change_belongs_to_its_product(stores):
    run = "0123456789abcdef0123456789abcdef"
    stores["checkout"].keep_output(run, GateKind.TESTS, b"secret")

    seen = [stores[name].output(run, GateKind.TESTS) for name in ("checkout", "search", "")]

    assert seen == [b"secret", None, None]


def test_page_of_changes_starts_only_at_a_change_of_the_product(stores):
    other = stores["search"].add(change(product="search"), None)
    stores["checkout"].add(change(product="checkout"), None)
    later = stores["search"].add(change(product="search"), None)

    seen = [stores["checkout"].recent(10, before=each.id) for each in (other, later)]

    assert seen == [(), ()]
