"""A server names the products of open changes on which it cannot work."""

from pathlib import Path

import pytest

from cli.products import report_products
from tests.scenarios.together import product, served, submit


def test_open_changes_of_a_product_without_a_file_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout, search = product(tmp_path, "checkout", "prod"), product(tmp_path, "search", "prod")
    with served(checkout, search, working=False) as products:
        submit(products["search"], "prod")
        submit(products["checkout"], "prod")

    with served(checkout, working=False) as products:
        report_products(products)

    assert capsys.readouterr().err.splitlines() == [
        "WARNING: 1 open changes of search wait until that product can be used: bring its file "
        "back",
        "Products: 1 of 1",
    ]
