"""A server file that replaces a single manifest gives its changes to one product."""

from engine.adapters.store import SqlStore
from engine.adapters.store.adoption import adopt_changes
from engine.domain.change import ChangeState
from engine.domain.gate import GateKind
from tests.store.databases import Databases
from tests.store.stores import MINUTE, NOON, HandClock, change, ids

TESTS = GateKind("tests")


def test_changes_without_a_product_belong_to_the_one_that_is_named(
    databases: Databases, clock: HandClock
) -> None:
    before = SqlStore(databases.state(), clock, product="")
    checkout = SqlStore(databases.state(), clock, product="checkout")
    other = checkout.add(change(product="checkout"), None)
    opened = before.add(change("v1"), "key")
    ended = before.add(change("v2"), None)
    before.move(ended, ended.moved(ChangeState.CANCELLED))
    before.keep_gate_seconds("prod", TESTS, 4.0)
    before.keep_output(opened.id, TESTS, b"of a change")
    before.keep_output("a" * 32, TESTS, b"of a run")
    before.claim("a dead worker", NOON, MINUTE)

    adopted = adopt_changes(databases.state(), "checkout")

    assert adopted == 2
    assert ids(before.recent(10)) == []
    assert sorted(ids(checkout.recent(10))) == sorted([other.id, opened.id, ended.id])
    assert {each.product for each in checkout.recent(10)} == {"checkout"}
    assert checkout.gate_seconds("prod", TESTS) == (4.0,)
    assert checkout.output(opened.id, TESTS) == b"of a change"
    assert checkout.output("a" * 32, TESTS) == b"of a run"
    assert checkout.add(change("v1", product="checkout"), "key").id == opened.id
    assert adopt_changes(databases.state(), "search") == 0


def test_hundreds_of_changes_are_adopted(databases: Databases, clock: HandClock) -> None:
    before = SqlStore(databases.state(), clock, product="")
    for number in range(450):
        before.add(change(f"v{number}"), None)

    assert adopt_changes(databases.state(), "checkout") == 450
    assert len(SqlStore(databases.state(), clock, product="checkout").open()) == 450
