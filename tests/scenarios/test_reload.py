"""A running server reads the files of its products again."""

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from engine.bootstrap import open_products
from engine.config import load_installation
from engine.domain.change import ChangeState
from engine.domain.errors import UsageError
from engine.platform import Products
from engine.ports.telemetry import NO_METRICS
from tests.builders import image
from tests.config.server_files import write_product, write_server
from tests.peers import oci_layout
from tests.scenarios.changing import until
from tests.scenarios.together import submit

RULES = """
promotion:
  environments: [{name: dev}, {name: staging, authorization: {}, gates: {tests: true}}]
"""
IDENTITY = "identity: {groups: {managers: [bob]}}\n"
GATE = "gate_commands: {tests: [sh, -c, '%s']}"
WAITS = "touch {0}/runs; until test -e {0}/free; do sleep 0.1; done"


def write(
    folder: Path,
    name: str,
    gate: str = "true",
    registry: str | None = None,
    file: str | None = None,
) -> Path:
    """Write a product file, and a build into its registry."""
    uri = f"oci-layout:../{registry or name}"
    text = f"artifacts: {{registry: {{uri: '{uri}'}}, promotion: {{{GATE % gate}}}}}\n"
    path = write_product(folder, name, text, file)
    if not (folder / (registry or name)).exists():
        oci_layout.write(folder / (registry or name), image(name.encode()), "v1.0.0-dev")
    return path


@contextmanager
def serving(
    folder: Path, *names: str, identity: str = IDENTITY, gate: str = "true"
) -> Iterator[Products]:
    """Serve products of a server file, which `reload` reads again."""
    server = write_server(folder, RULES, identity)
    for name in names:
        write(folder, name, gate)
    read = partial(load_installation, server, {})
    found = read()
    with open_products(
        found.products,
        NO_METRICS,
        several=True,
        broken=found.broken,
        server=found.server,
        read=read,
    ) as products:
        products.worker.start()
        try:
            yield products
        finally:
            (folder / "free").touch()
            products.worker.stop()


def state_of(products: Products, change_id: str) -> ChangeState:
    change = products.store.get(change_id)
    assert change is not None
    return change.state


def is_closed(products: Products, name: str) -> bool:
    return until(lambda: name not in products, 60)


def test_unchanged_product_is_kept(tmp_path: Path) -> None:
    with serving(tmp_path, "billing", "checkout") as products:
        before = dict(products)

        found = products.reload()

        assert dict(products) == before
        assert (found.opened, found.replaced, found.removed) == ((), (), ())


def test_new_product_is_served(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as products:
        changed: list[str] = []
        products.subscribe(changed.append)
        write(tmp_path, "billing")

        found = products.reload()
        change = submit(products["billing"], "staging")

        assert found.opened == ("billing",)
        assert tuple(products) == ("billing", "checkout")
        assert changed == ["billing"]
        assert until(lambda: state_of(products, change.id) is ChangeState.PROMOTED, 60)


def test_changed_product_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, "billing", "checkout") as products:
        before = dict(products)
        write(tmp_path, "checkout", gate="false")

        found = products.reload()
        change = submit(products["checkout"], "staging")

        assert found.replaced == ("checkout",)
        assert products["billing"] is before["billing"]
        assert until(lambda: state_of(products, change.id) is ChangeState.BLOCKED, 60)


@pytest.mark.parametrize("text", ["", "apiVersion: floe.dev/v1\nkind: Mani", "metadata: {na", "\0"])
def test_half_written_file_keeps_the_last_version(tmp_path: Path, text: str) -> None:
    with serving(tmp_path, "billing") as products:
        path = write(tmp_path, "checkout", file="team-payments")
        products.reload()
        before = dict(products)
        path.write_text(text)

        found = products.reload()
        change = submit(products["checkout"], "staging")

        assert dict(products) == before
        assert set(found.broken) == set(products.broken) == {"checkout"}
        assert until(lambda: state_of(products, change.id) is ChangeState.PROMOTED, 60)


@pytest.mark.parametrize(("name", "registry"), [("checkout", "other"), ("other", "checkout")])
def test_new_file_does_not_take_a_name_or_repository(
    tmp_path: Path, name: str, registry: str
) -> None:
    with serving(tmp_path, "billing", "checkout") as products:
        before = dict(products)
        write(tmp_path, name, registry=registry, file="aaa")

        found = products.reload()

        assert dict(products) == before
        assert len({*found.broken, "checkout"}) == len(found.broken) == 2


def test_corrected_file_is_no_longer_broken(tmp_path: Path) -> None:
    with serving(tmp_path, "billing", "checkout") as products:
        (tmp_path / "products" / "checkout.yaml").write_text("")
        products.reload()
        write(tmp_path, "checkout")

        products.reload()

        assert products.broken == {}


def test_changed_groups_count_for_every_product(tmp_path: Path) -> None:
    with serving(tmp_path, "billing", "checkout") as products:
        write_server(tmp_path, RULES, "identity: {operators: [carol]}\n")

        found = products.reload()

        assert found.replaced == ("billing", "checkout")
        assert found.restart == ()
        assert all("carol" in str(each.engine.rights) for each in products.values())


def test_gate_that_runs_during_a_reload_ends_under_its_rules(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as products:
        write(tmp_path, "checkout", gate=WAITS.format(tmp_path))
        products.reload()
        change = submit(products["checkout"], "staging")
        assert until((tmp_path / "runs").exists, 60)
        write(tmp_path, "checkout", gate="false")

        products.reload()
        (tmp_path / "free").touch()

        assert until(lambda: state_of(products, change.id) is ChangeState.PROMOTED, 60)


def test_replaced_engine_closes_when_nothing_uses_it(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout", gate=WAITS.format(tmp_path)) as products:
        used = weakref.ref(products["checkout"].engine.runner)
        change = submit(products["checkout"], "staging")
        assert until((tmp_path / "runs").exists, 60)
        write(tmp_path, "checkout")
        gc.disable()
        try:
            products.reload()
            in_use = used() is not None
            (tmp_path / "free").touch()

            assert in_use
            assert until(lambda: state_of(products, change.id) is ChangeState.PROMOTED, 60)
            assert until(lambda: used() is None, 60)
        finally:
            gc.enable()


def test_gates_of_replaced_products_are_stopped(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as products:
        write(tmp_path, "checkout", gate=WAITS.format(tmp_path))
        products.reload()
        used = weakref.ref(products["checkout"].engine.runner)
        submit(products["checkout"], "staging")
        assert until((tmp_path / "runs").exists, 60)
        write(tmp_path, "checkout")
        products.reload()

        products.stop_gates()

        assert until(lambda: used() is None, 60)
        assert not (tmp_path / "free").exists()


def test_removed_product_is_closed(tmp_path: Path) -> None:
    with serving(tmp_path, "billing", "checkout") as products:
        (tmp_path / "products" / "checkout.yaml").unlink()

        found = products.reload()

        assert found.removed == ("checkout",)
        assert is_closed(products, "checkout")
        assert "billing" in products


def test_removed_product_finishes_its_open_changes(tmp_path: Path) -> None:
    with serving(tmp_path, "billing", "checkout") as products:
        path = write(tmp_path, "checkout", gate=WAITS.format(tmp_path))
        products.reload()
        change = submit(products["checkout"], "staging")
        assert until((tmp_path / "runs").exists, 60)
        path.unlink()

        products.reload()
        with pytest.raises(UsageError, match="checkout was removed from this server"):
            submit(products["checkout"], "staging", version="v2.0.0")
        closed_early = until(lambda: "checkout" not in products, 4)
        (tmp_path / "free").touch()

        assert not closed_early
        assert is_closed(products, "checkout")
        assert state_of(products, change.id) is ChangeState.PROMOTED


def test_product_that_comes_back_accepts_requests(tmp_path: Path) -> None:
    with serving(tmp_path, "billing", "checkout") as products:
        path = write(tmp_path, "checkout", gate=WAITS.format(tmp_path))
        products.reload()
        submit(products["checkout"], "staging")
        text = path.read_text()
        path.unlink()
        products.reload()
        path.write_text(text)

        products.reload()

        oci_layout.write(tmp_path / "checkout", image(b"two"), "v2.0.0-dev")
        assert submit(products["checkout"], "staging", version="v2.0.0").open


def test_renamed_product_opens_when_the_old_one_is_closed(tmp_path: Path) -> None:
    with serving(tmp_path, "billing", "checkout") as products:
        (tmp_path / "products" / "checkout.yaml").unlink()
        write(tmp_path, "payments", registry="checkout")

        found = products.reload()

        assert "checkout still has this repository" in str(found.broken["payments"])
        assert until(lambda: "payments" in products, 60)
        assert "checkout" not in products
        assert products.broken == {}


def test_reloads_at_the_same_time_open_a_product_once(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as products:
        write(tmp_path, "billing")
        opened: list[tuple[str, ...]] = []
        threads = [
            threading.Thread(target=lambda: opened.append(products.reload().opened))
            for _ in range(4)
        ]

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)

        assert sorted(opened) == [(), (), (), ("billing",)]
