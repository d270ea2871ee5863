"""A number with content that does not count neither stops checkpoints nor breaks exports."""

from pathlib import Path

from engine.api import Engine
from engine.bootstrap.checkpoints import verify_exports
from engine.domain.tlog.merkle import leaf_hash, root_of
from engine.ports.state import InMemoryHeads
from tests.scenarios.audited import summarize
from tests.scenarios.engines import ProgressLog, with_parts
from tests.tlog.fake_witness import FakeWitness
from tests.tlog.logged import made, write_entries
from tests.tlog.test_required_witness import requiring, unlock


def occupy(engine: Engine, sequence: int) -> str:
    """Put an older entry at the number `sequence`, and return its digest."""
    ledger, registry = engine.runner.ledger, engine.runner.registry
    entry = engine.entry("prod", 1)
    assert entry is not None
    registry.put(entry.manifest, ledger.tag("prod", sequence))
    return str(entry.digest)


def test_void_has_a_leaf_of_its_own(engine: Engine, witness: FakeWitness) -> None:
    made(engine)
    digest = occupy(engine, 4)
    write_entries(with_parts(engine, heads=InMemoryHeads()), 2)

    checkpoint = made(engine)

    entries = engine.history("prod", 10)[::-1]
    leaves = [entry.manifest.content for entry in entries]
    leaves.insert(3, f"void {digest}".encode())
    assert [entry.sequence for entry in entries] == [1, 2, 3, 5, 6]
    assert checkpoint.size == 6
    assert checkpoint.checkpoint.root == root_of(map(leaf_hash, leaves))
    assert [*checkpoint.cosigned] == [witness.key]


def test_void_is_not_the_entry_that_waits_for_a_witness(engine: Engine) -> None:
    made(engine)
    occupy(engine, 4)
    write_entries(with_parts(engine, heads=InMemoryHeads()), 2)

    unlock(requiring(engine, seconds=600))


def test_export_with_a_void_reports_only_the_void(engine: Engine, tmp_path: Path) -> None:
    occupy(engine, 4)
    write_entries(with_parts(engine, heads=InMemoryHeads()), 2)
    engine.export("prod", tmp_path / "out", ProgressLog())

    (audit,) = verify_exports(tmp_path / "out", (), (), ProgressLog()).environments

    assert summarize(audit.problems) == [("void", 4)]
    assert audit.entries == 5
