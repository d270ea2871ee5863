"""A product that cannot be opened affects no other product, and the next reload opens it."""

from pathlib import Path

import pytest

from engine.domain.change import ChangeState
from engine.platform import Products
from tests.audit.audit_kit import PLUGINS
from tests.scenarios.changing import until
from tests.scenarios.test_reload import serving, state_of, write
from tests.scenarios.together import submit

AUDIT = "audit: {backend: lines, options: {file: audit.txt}}"


def write_audited(folder: Path, name: str) -> None:
    path = write(folder, name)
    path.write_text(path.read_text().replace("promotion: {", f"promotion: {{{AUDIT}, "))


def away(folder: Path) -> Path:
    """The file whose presence makes the audit backend fail to open."""
    return folder / "products" / "away"


def promotes(products: Products, name: str) -> bool:
    change = submit(products[name], "staging")
    return until(lambda: state_of(products, change.id) is ChangeState.PROMOTED, 60)


@pytest.fixture(autouse=True)
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PLUGINS / "lines"))


def test_product_whose_audit_store_does_not_answer_stays_out_alone(tmp_path: Path) -> None:
    with serving(tmp_path, "billing") as products:
        write(tmp_path, "books")
        write_audited(tmp_path, "checkout")
        away(tmp_path).touch()

        found = products.reload()

        assert found.opened == ("books",)
        assert "does not answer" in str(products.broken["checkout"])
        assert set(products) == set(products.worker.products) == {"billing", "books"}
        assert promotes(products, "books")


def test_next_reload_opens_what_the_last_one_could_not(tmp_path: Path) -> None:
    with serving(tmp_path, "billing") as products:
        write_audited(tmp_path, "checkout")
        away(tmp_path).touch()
        products.reload()
        away(tmp_path).unlink()

        found = products.reload()

        assert found.opened == ("checkout",)
        assert products.broken == {}
        assert promotes(products, "checkout")


def test_failed_replacement_keeps_the_last_version_everywhere(tmp_path: Path) -> None:
    with serving(tmp_path, "billing", "checkout") as products:
        before, places = dict(products), dict(products.worker.products)
        write_audited(tmp_path, "checkout")
        away(tmp_path).touch()

        products.reload()

        assert dict(products) == before
        assert dict(products.worker.products) == places


def test_server_starts_without_the_product_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "products").mkdir()
    write_audited(tmp_path, "checkout")
    away(tmp_path).touch()

    with serving(tmp_path, "billing") as products:
        assert set(products) == {"billing"}
        assert "does not answer" in str(products.broken["checkout"])
