"""An audit of a ledger without new entries costs a few requests."""

from pathlib import Path
from typing import Any

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.signing.pem import generate_key
from tests.scenarios.audited import audit
from tests.scenarios.engines import engine_on
from tests.tlog.logged import logging_engine, made, write_entries


class CountingRegistry(LayoutRegistry):
    """Counts the reads; each is one request to a remote registry."""

    reads = 0

    def resolve(self, *arguments: Any) -> Any:
        self.reads += 1
        return super().resolve(*arguments)

    def fetch(self, *arguments: Any) -> Any:
        self.reads += 1
        return super().fetch(*arguments)

    def blob(self, *arguments: Any) -> Any:
        self.reads += 1
        return super().blob(*arguments)

    def tags(self) -> Any:
        self.reads += 1
        return super().tags()


def test_audit_reads_only_entries_after_the_checkpoint(tmp_path: Path) -> None:
    registry = CountingRegistry.create(tmp_path / "registry")
    with engine_on(registry, tmp_path) as plain:
        write_entries(plain, 60)
        engine = logging_engine(plain, generate_key("ed25519"))
        made(engine)

        registry.reads = 0
        assert audit(engine, "prod").entries == 60

        assert registry.reads <= 20
