"""The background work of several products, which share threads and the copy of the records."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.api import Engine
from engine.audit.record_cache import Records
from engine.bootstrap.background import Background
from engine.bootstrap.server import open_record_tables, records_of
from engine.config import Config
from engine.domain.selection import Selection
from engine.execution.entry_reconciler import EntryReconciler
from engine.platform import Platform
from tests.builders import image
from tests.config.manifest_files import load, manifest
from tests.peers import oci_layout
from tests.scenarios.changing import until
from tests.scenarios.claiming import kill_after_the_claim
from tests.scenarios.engines import ALICE, engine_on, promote

NAMES = ("checkout", "billing", "search")


class Product:
    """A product with a registry of its own, and its copy of the records in shared tables."""

    def __init__(self, name: str, folder: Path, engine: Engine) -> None:
        self.name = name
        self.root = folder / "registry"
        self.engine = engine
        self.config: Config = replace(load(folder, manifest()), product=name)
        # Without checkpoints and statements, the work of a product needs its engine only.
        self.platform = cast(Platform, SimpleNamespace(engine=engine, product=name))

    def promote(self, version: str) -> None:
        oci_layout.write(self.root, image(version.encode()), f"{version}-dev")
        assert promote(self.engine, version, "staging", ALICE).error is None

    def copied(self, records: Records) -> list[Any]:
        return [each.record.subject_version for each in records.store.page(Selection(), 10)]


@pytest.fixture
def products(tmp_path: Path) -> Iterator[list[Product]]:
    with ExitStack() as stack:
        made = []
        for name in NAMES:
            folder = tmp_path / name
            registry = LayoutRegistry.create(folder / "registry")
            engine = stack.enter_context(engine_on(registry, folder))
            made.append(Product(name, folder, engine))
        yield made


def test_products_are_copied_by_few_threads_and_kept_apart(
    tmp_path: Path, products: list[Product]
) -> None:
    background = Background(several=True)
    for number, product in enumerate(products):
        product.promote(f"v1.0.{number}")
    with open_record_tables(products[0].config) as tables:
        copies = [records_of(each.name, each.engine, tables) for each in products]
        for product, records in zip(products, copies, strict=True):
            background.add(product.platform, records)
        before = threading.active_count()
        background.start()
        try:
            assert until(lambda: all(records.read_at for records in copies))
            threads = threading.active_count() - before
            products[1].promote("v1.1.0")
            copies[1].wake()
            assert until(lambda: "v1.1.0" in products[1].copied(copies[1]))
            background.remove("search")
            products[2].promote("v1.2.0")
            copies[2].wake()
            products[0].promote("v1.3.0")
            copies[0].wake()
            assert until(lambda: "v1.3.0" in products[0].copied(copies[0]))
        finally:
            background.stop()

        found = [p.copied(records) for p, records in zip(products, copies, strict=True)]
    assert found == [["v1.3.0", "v1.0.0"], ["v1.1.0", "v1.0.1"], ["v1.0.2"]]
    assert threads <= 3


def test_claimed_entries_of_one_product_are_completed(tmp_path: Path, shared: Engine) -> None:
    kill_after_the_claim(shared, "v1.0.1")
    platform = cast(Platform, SimpleNamespace(engine=shared, product="checkout"))
    background = Background(several=True)
    config = replace(load(tmp_path, manifest()), product="checkout")

    with open_record_tables(config) as tables:
        records = records_of(config, shared, tables)
        background.add(platform, records, EntryReconciler(shared.runner))
        background.start()
        try:
            assert until(lambda: [each.sequence for each in shared.history("staging")] == [1])
        finally:
            background.stop()
