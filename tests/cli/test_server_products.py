"""Commands for one product of a server, which has several."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.serving import Serving, serving
from tests.cli.test_products import company


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Path]]:
    folder = tmp_path_factory.mktemp("company")
    floe = company(folder, "billing", "checkout")
    assert floe.promote("v1.0.0", "staging", "--product", "checkout").code == 0
    (folder / "products" / "mailer.yaml").write_text("kind: Mani")
    with serving(folder, **floe.environ) as served:
        yield served, folder


def test_status_is_of_the_named_product(server: tuple[Serving, Path], tmp_path: Path) -> None:
    floe = server[0].client(tmp_path)

    checkout = floe.run("platform", "status", "--product", "checkout", "--output", "json")
    billing = floe.run("platform", "status", "--product", "billing", "--output", "json")

    assert [row["version"] for row in checkout.document] == [None, "v1.0.0", None]
    assert [row["version"] for row in billing.document] == [None, None, None]


def test_manifest_in_the_working_directory_chooses_the_product(
    server: tuple[Serving, Path], tmp_path: Path
) -> None:
    floe = server[0].client(tmp_path)
    (tmp_path / "manifest.yaml").write_text("metadata: {name: checkout}\n")

    shown = floe.run("platform", "status", "--output", "json")

    assert [row["version"] for row in shown.document] == [None, "v1.0.0", None]


@pytest.mark.parametrize("manifest", [None, "metadata: {name: other}\n", "metadata: {na"])
def test_command_without_a_product_lists_those_of_the_server(
    server: tuple[Serving, Path], tmp_path: Path, manifest: str | None
) -> None:
    floe = server[0].client(tmp_path)
    if manifest is not None:
        (tmp_path / "manifest.yaml").write_text(manifest)

    refused = floe.run("platform", "status")

    assert refused.code == 2
    assert "has 3 products: name one with --product (billing, checkout, mailer)" in refused.err


def test_server_starts_with_a_broken_product_and_reports_it(server: tuple[Serving, Path]) -> None:
    log = (server[1] / "serve.log").read_text()

    assert "Product mailer cannot be used: " in log
    assert "Products: 2 of 3" in log


def test_status_of_all_products_of_the_server(server: tuple[Serving, Path], tmp_path: Path) -> None:
    floe = server[0].client(tmp_path)

    shown = floe.run("platform", "status", "--all", "--output", "json")

    assert shown.code == 0, shown.err
    products = shown.document["products"]
    assert [each["product"] for each in products] == ["billing", "checkout", "mailer"]
