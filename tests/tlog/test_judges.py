"""Stock judges of transparency logs accept the logs of floe, and refuse forged ones."""

import shutil
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.signing.pem import PemSigner
from engine.adapters.tlog.ed25519 import verify_ed25519
from engine.adapters.tlog.witness import HttpWitness
from engine.api import Engine
from engine.domain.tlog.note import NoteKey
from engine.ports.checkpoints import CheckpointStore
from engine.ports.state import InMemoryHeads
from tests.peers import oci_layout
from tests.peers.log_judges import fsck, litewitness
from tests.scenarios.audited import audit, messages, summarize
from tests.scenarios.engines import ProgressLog, with_parts
from tests.tlog.logged import (
    log_key,
    logged_platform,
    logging_engine,
    made,
    truncate,
    write_entries,
)

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """An export of 260 entries, and the key of its log."""
    folder = tmp_path_factory.mktemp("exported")
    with logged_platform(folder, 260) as (engine, signer):
        engine.export("prod", folder / "out", ProgressLog())
        yield folder / "out" / "prod", str(log_key(signer))


def test_fsck_accepts_an_export(export: tuple[Path, str], tmp_path: Path) -> None:
    log, key = export

    printed = fsck(log, key, tmp_path)

    assert "Successfully fsck'd log with size 260" in printed


@pytest.mark.parametrize("path", ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"])
def test_fsck_refuses_an_altered_file(export: tuple[Path, str], tmp_path: Path, path: str) -> None:
    original, key = export
    log = shutil.copytree(original, tmp_path / "log")
    content = bytearray((log / path).read_bytes())
    content[30] ^= 1
    (log / path).write_bytes(content)

    printed = fsck(log, key, tmp_path, seconds=20)

    assert "Successfully" not in printed


@pytest.fixture
def witnessed(tmp_path: Path) -> Iterator[tuple[Engine, PemSigner, HttpWitness]]:
    """A platform with three records of prod, whose log litewitness cosigns."""
    with (
        logged_platform(tmp_path, 3) as (engine, signer),
        litewitness(tmp_path / "witness", [str(log_key(signer))]) as (url, key),
    ):
        witness = HttpWitness(url, NoteKey.parse(key), ssl.create_default_context(), verify_ed25519)
        yield logging_engine(engine, signer, witness), signer, witness


def without_store(engine: Engine) -> Engine:
    """The engine of an attacker with the key of the log, who signs any ledger."""

    class Empty:
        def read(self, environment: str) -> None:
            return None

        def write(self, environment: str, stored: object) -> None: ...

    source = engine.runner.checkpoints
    assert source is not None
    store: CheckpointStore = Empty()
    forged = replace(source.open(), store=store)
    return with_parts(
        engine, checkpoints=replace(source, open=lambda: forged), heads=InMemoryHeads()
    )


def test_litewitness_cosigns_a_growing_ledger(
    witnessed: tuple[Engine, PemSigner, HttpWitness],
) -> None:
    engine, _, witness = witnessed
    sizes = []

    for count in (0, 1, 4, 9):
        write_entries(engine, count)
        checkpoint = made(engine)
        assert checkpoint.refusals == {}
        assert [*checkpoint.cosigned] == [witness.key]
        sizes.append(checkpoint.size)

    assert sizes == [3, 4, 8, 17]
    found = audit(engine, "prod")
    assert found.sound
    assert summarize(found.notes) == [("unread", 16)]


def test_litewitness_continues_after_it_missed_checkpoints(
    witnessed: tuple[Engine, PemSigner, HttpWitness],
) -> None:
    engine, signer, witness = witnessed
    made(engine)
    for count in (2, 3):
        write_entries(engine, count)
        made(logging_engine(engine, signer))

    checkpoint = made(engine)

    assert checkpoint.size == 8
    assert [*checkpoint.cosigned] == [witness.key]


def test_litewitness_refuses_a_cut_ledger(
    witnessed: tuple[Engine, PemSigner, HttpWitness],
) -> None:
    engine, _, witness = witnessed
    made(engine)
    truncate(engine, 2)

    checkpoint = made(without_store(engine))

    assert "it has seen 3 entries" in checkpoint.refusals[witness.key.name]


def test_litewitness_refuses_a_rewritten_ledger(
    witnessed: tuple[Engine, PemSigner, HttpWitness],
) -> None:
    engine, _, witness = witnessed
    made(engine)
    truncate(engine, 1)
    attacker = without_store(engine)
    write_entries(attacker, 4)

    checkpoint = made(attacker)

    assert "contradicts the history" in checkpoint.refusals[witness.key.name]


def test_litewitness_reveals_an_older_ledger_with_its_older_checkpoint(
    witnessed: tuple[Engine, PemSigner, HttpWitness],
) -> None:
    engine, _, witness = witnessed
    older = made(engine).stored
    write_entries(engine, 2)
    source = engine.runner.checkpoints
    assert source is not None
    made(engine)
    truncate(engine, 3)
    source.open().store.write("prod", older)

    found = audit(with_parts(engine, heads=InMemoryHeads()), "prod")

    assert summarize(found.problems) == [("checkpoint", 5)]
    assert f"{witness.key.name} has seen 5 entries" in messages(found)


def test_litewitness_does_not_know_another_log(
    witnessed: tuple[Engine, PemSigner, HttpWitness],
) -> None:
    engine, signer, witness = witnessed

    checkpoint = made(logging_engine(engine, signer, witness, origin="registry.example/other"))

    assert "it does not know the log" in checkpoint.refusals[witness.key.name]


def test_retention_of_an_old_entry_is_found_beside_a_witnessed_checkpoint(
    witnessed: tuple[Engine, PemSigner, HttpWitness],
) -> None:
    engine, _, _ = witnessed
    made(engine)
    oci_layout.untag(Path(engine.reference), str(engine.runner.ledger.tag("prod", 2)))

    assert ("missing", 2) in summarize(audit(engine, "prod").problems)
