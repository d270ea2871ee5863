"""Products with equal settings and environments have audit records of their own."""

from contextlib import closing
from pathlib import Path

import pytest

from engine.adapters.audit.loading import open_backend
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from tests.domain.records import a_promotion

PRODUCTS = ("", "checkout", "prod", "billing")


def opened(kind: str, folder: Path, product: str) -> AuditBackendPlugin:
    if kind == "s3":
        url = f"file://{folder}/copies/"
        return open_backend("s3", AuditSettings(folder, url=url, product=product))
    path = folder / "audit.db"
    return open_backend("database", AuditSettings(folder, path=path, product=product))


@pytest.mark.parametrize("kind", ["s3", "database"])
def test_records_of_a_product_are_its_own(tmp_path: Path, kind: str) -> None:
    backends = {product: opened(kind, tmp_path, product) for product in PRODUCTS}
    records = {
        product: a_promotion(promotion_id=f"00000000-0000-4000-8000-{number:012}")
        for number, product in enumerate(PRODUCTS)
    }

    for product, backend in backends.items():
        backend.append(records[product])

    for product, backend in backends.items():
        with closing(backend):
            assert backend.query_history("prod", 10) == [records[product]]
            assert list(backend.records("prod")) == [records[product]]
    assert len({backend.place for backend in backends.values()}) == len(PRODUCTS)
