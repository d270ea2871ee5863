"""Products of one server do not get in each other's way."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from engine.changes.worker import THREADS_OF_PRODUCT, Pace, Worker
from engine.domain.change import Change, ChangeState
from engine.domain.errors import UsageError
from engine.domain.record import AnyRecord
from engine.platform import Platform
from engine.ports import NO_PROGRESS
from engine.ports.audit_backend import AuditBackendPlugin
from tests.scenarios.changing import until
from tests.scenarios.together import product, served, someone, submit
from tests.scenarios.verbs import lock, unlock


def is_promoted(platform: Platform, change: Change) -> bool:
    return platform.changes.get(change.id).state is ChangeState.PROMOTED


def held_back(platform: Platform) -> Change:
    """Return a change that may go on, since the lock that stopped it is gone."""
    asked = platform.progression.settle(submit(platform, "prod"), NO_PROGRESS)
    change = platform.changes.approve(asked.id, someone(platform, "bob"), "cli")
    lock(platform.engine, "prod", someone(platform))
    waiting = platform.progression.settle(change, NO_PROGRESS)
    unlock(platform.engine, "prod", someone(platform))
    assert waiting.state is ChangeState.AWAITING_APPROVAL
    return waiting


class SilentBackend(AuditBackendPlugin):
    """An audit backend that answers only once `answers` is set."""

    def __init__(self) -> None:
        self.called, self.answers = threading.Event(), threading.Event()

    def append(self, record: AnyRecord) -> None:
        self.called.set()
        self.answers.wait()

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        return []


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a registry that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_two_products_promote_the_same_version_to_environments_of_one_name(tmp_path: Path) -> None:
    with served(product(tmp_path, "a", "prod"), product(tmp_path, "b", "prod")) as products:
        changes = {name: submit(products[name], "prod") for name in products}

        for name, change in changes.items():
            assert until(lambda name=name, change=change: is_promoted(products[name], change))
            assert products.of(change) is products[name]
            record = products[name].engine.history("prod")[0].record
            assert record.id == products[name].changes.get(change.id).record_id

        assert {change.product for change in products.store.recent(10)} == {"a", "b"}


def test_many_waiting_gates_of_one_product_do_not_delay_another(tmp_path: Path) -> None:
    places = [f"prod-{number}" for number in range(12)]
    gate = f"until [ -e {tmp_path}/open ]; do sleep 0.05; done"
    busy, quick = product(tmp_path, "busy", *places, gate=gate), product(tmp_path, "quick", "prod")
    with served(busy, quick) as products:
        sources = ["dev", *places]
        waiting = [
            submit(products["busy"], target, source)
            for source, target in zip(sources, places, strict=False)
        ]
        assert until(lambda: len(list((tmp_path / "state").rglob("*"))) > 0)
        change = submit(products["quick"], "prod")

        assert until(lambda: is_promoted(products["quick"], change))
        assert all(products["busy"].changes.get(each.id).open for each in waiting[:1])
        (tmp_path / "open").touch()


def test_silent_registry_of_one_product_does_not_delay_another(tmp_path: Path, silent: str) -> None:
    dead = product(
        tmp_path,
        "dead",
        "prod",
        registry=f"uri: oci://{silent}/acme/dead, insecure: true, timeout_seconds: 120",
    )
    rules = ", approvals: {required: 1, groups: [managers]}"
    with served(dead, product(tmp_path, "alive", "prod", rules=rules), working=False) as products:
        held = held_back(products["alive"])
        hopeless = submit(products["dead"], "prod")
        products["dead"].store.move(hopeless, hopeless.moved(ChangeState.AWAITING_APPROVAL))
        products.worker.start()
        try:
            assert until(lambda: is_promoted(products["alive"], held))
            assert products["dead"].changes.get(hopeless.id).open
        finally:
            products.worker.stop(0)


def test_slow_audit_backend_of_one_product_does_not_delay_another(tmp_path: Path) -> None:
    rules = ", approvals: {required: 1, groups: [managers]}"
    slow = product(tmp_path, "slow", "prod", rules=rules)
    quick = product(tmp_path, "quick", "prod", rules=rules)
    backend = SilentBackend()
    with served(slow, quick, working=False) as products:
        change = products["slow"].progression.settle(submit(products["slow"], "prod"), NO_PROGRESS)
        overdue = change.model_copy(update={"expires_at": products["slow"].engine.now()})
        products["slow"].store.move(change, overdue.moved(ChangeState.AWAITING_APPROVAL))
        place = products.worker.products["slow"]
        runner = replace(place.changes.runner, audit_backend=backend)
        products.worker.products["slow"] = replace(
            place, changes=replace(place.changes, runner=runner)
        )
        held = held_back(products["quick"])
        products.worker.start()
        try:
            assert backend.called.wait(60)
            assert until(lambda: is_promoted(products["quick"], held))
        finally:
            backend.answers.set()
            products.worker.stop()


def test_stuck_products_leave_threads_to_others(tmp_path: Path, silent: str) -> None:
    registry = f"uri: oci://{silent}/acme/dead, insecure: true, timeout_seconds: 120"
    places = [f"prod-{number}" for number in range(THREADS_OF_PRODUCT)]
    stuck = [product(tmp_path, name, *places, registry=registry) for name in ("a", "b")]
    with served(*stuck, product(tmp_path, "quick", "prod"), working=False) as products:
        for name in ("a", "b"):
            for place in places:
                submit(products[name], place)
        change = submit(products["quick"], "prod")
        products.worker.threads = 2 * THREADS_OF_PRODUCT
        products.worker.start()
        try:
            assert until(lambda: is_promoted(products["quick"], change))
        finally:
            products.worker.stop(0)


def test_product_that_cannot_be_opened_does_not_affect_another(tmp_path: Path) -> None:
    rule = 'policies: [{name: bad, rule: "size(", message: m, severity: error}]'
    broken = product(tmp_path, "broken", "prod", promotion=rule)
    with served(broken, product(tmp_path, "good", "prod")) as products:
        assert list(products) == ["good"]
        assert "does not compile" in str(products.broken["broken"])
        with pytest.raises(UsageError, match="The product broken cannot be used: .*compile"):
            products.named("broken")
        with pytest.raises(UsageError, match="There is no product 'other'. Those there are: good"):
            products.named("other")
        change = submit(products["good"], "prod")
        assert until(lambda: is_promoted(products["good"], change))


def test_strangers_learn_no_names_and_reasons_of_hidden_products(tmp_path: Path) -> None:
    rule = 'policies: [{name: bad, rule: "size(", message: m, severity: error}]'
    hidden = [
        replace(each, web=each.web.model_copy(update={"visibility": "members"}))
        for each in (
            product(tmp_path, "good", "prod"),
            product(tmp_path, "bad", "prod", promotion=rule),
        )
    ]
    with served(*hidden, working=False) as products:
        assert "bad" in products.broken
        for name in ("other", "bad"):
            with pytest.raises(UsageError) as refused:
                products.named(name)
            assert str(refused.value) == f"There is no product '{name}' that you can use"


def test_product_at_its_limit_goes_on_as_soon_as_a_thread_is_free(tmp_path: Path) -> None:
    """Idle threads look again then, and not only when they poll."""
    places = [f"prod-{number}" for number in range(14)]
    with served(product(tmp_path, "busy", *places), working=False) as products:
        busy = products["busy"]
        changes = [submit(busy, place) for place in places]
        seldom = Pace(poll=600, sweep=600)
        parts = (products.worker.products, products.store, products.worker.clock)
        worker = Worker(*parts, threads=24, most=2, pace=seldom)
        worker.start()
        try:
            assert until(lambda: not any(busy.changes.get(each.id).open for each in changes))
        finally:
            worker.stop()


def test_change_to_a_removed_environment_is_only_cancelled(tmp_path: Path) -> None:
    rules = ", approvals: {required: 1, groups: [managers]}"
    before = product(tmp_path, "checkout", "prod", rules=rules)
    after = replace(before, path=product(tmp_path, "other", "staging").path)
    with served(before, working=False) as products:
        change = submit(products["checkout"], "prod")
        products["checkout"].progression.settle(change, NO_PROGRESS)

    with served(after, working=False) as products:
        platform = products["checkout"]
        for decide in (
            lambda: platform.changes.approve(change.id, someone(platform, "bob"), "cli"),
            lambda: platform.changes.reject(change.id, someone(platform, "bob"), "no", "cli"),
        ):
            with pytest.raises(UsageError, match="prod was removed from the environments after"):
                decide()
        ended = platform.changes.cancel(change.id, someone(platform), "cli")

    assert ended.state is ChangeState.CANCELLED


class ClosingStore:
    """A store whose product is removed while a request is added."""

    def __init__(self, store: Any, closed: Event) -> None:
        self._store = store
        self._closed = closed

    def add(self, *arguments: Any) -> Any:
        self._closed.set()
        return self._store.add(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_request_that_arrives_while_its_product_is_removed_ends(tmp_path: Path) -> None:
    with served(product(tmp_path, "checkout", "prod"), working=False) as products:
        platform = products["checkout"]
        closed = platform.changes.closed
        store: Any = ClosingStore(platform.store, closed)
        late = replace(platform, changes=replace(platform.changes, store=store, closed=closed))

        with pytest.raises(UsageError, match="checkout was removed from this server"):
            submit(late, "prod")

        [change] = platform.store.recent(5)
    assert change.state is ChangeState.CANCELLED
    assert "checkout was removed" in change.ended.message
