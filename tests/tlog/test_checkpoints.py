"""Checkpoints sign only ledgers that extend the checkpoint before."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.signing.pem import PemSigner, generate_key
from engine.adapters.tlog.ed25519 import verify_ed25519
from engine.adapters.tlog.registry_store import RegistryCheckpoints
from engine.api import Engine
from engine.domain.artifact import Digest, Tag
from engine.domain.canonical import canonical_json
from engine.domain.errors import LedgerUnreadableError
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.tlog.checkpoint import StoredCheckpoint
from engine.domain.tlog.merkle import CompactRange, leaf_hash, root_of
from engine.domain.tlog.note import SignedNote
from engine.ports import Registry
from engine.ports.state import InMemoryHeads
from tests.conftest import Place
from tests.scenarios.engines import engine_on, with_parts
from tests.scenarios.tampering import Hand
from tests.tlog.logged import ORIGIN, log_key, logging_engine, made, write_entries

TAG = Tag("floe-checkpoint.prod")


@pytest.fixture
def signer() -> PemSigner:
    return generate_key("ed25519")


@pytest.fixture
def engine(place: Place, signer: PemSigner, tmp_path: Path) -> Iterator[Engine]:
    """An engine with three records of prod."""
    with engine_on(place.registry, tmp_path) as built:
        write_entries(built, 3)
        yield logging_engine(built, signer)


def leaves(engine: Engine) -> list[bytes]:
    entries = engine.history("prod", 100)[::-1]
    return [leaf_hash(entry.manifest.content) for entry in entries]


def replace_checkpoint(registry: Registry, content: bytes, before: str = "") -> None:
    blob = {"mediaType": "text/plain", "digest": str(Digest.of(content)), "size": len(content)}
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": blob,
        "layers": [blob],
        "annotations": {"dev.floe.checkpoint.before": before},
    }
    registry.open_upload().finish(content)
    registry.put(Manifest(canonical_json(document), IMAGE_MANIFEST), TAG)


def test_checkpoint_signs_all_entries(engine: Engine, signer: PemSigner) -> None:
    checkpoint = made(engine)

    assert checkpoint.checkpoint.origin == f"{ORIGIN}/prod"
    assert (checkpoint.size, checkpoint.checkpoint.root) == (3, root_of(leaves(engine)))
    signed = checkpoint.stored.note.signed_by([log_key(signer)], verify_ed25519)
    assert len(signed) == 1


def test_checkpoint_grows_with_the_ledger(engine: Engine) -> None:
    first = made(engine)
    write_entries(engine, 5)

    second = made(engine)

    assert (first.size, second.size) == (3, 8)
    assert second.checkpoint.root == root_of(leaves(engine))


def test_unchanged_ledger_keeps_its_checkpoint(engine: Engine) -> None:
    first = made(engine)
    stored = engine.runner.registry.resolve(TAG)

    assert made(engine).stored == first.stored
    assert engine.runner.registry.resolve(TAG) == stored


def test_stored_checkpoint_survives_being_read(engine: Engine) -> None:
    checkpoint = made(engine)

    assert RegistryCheckpoints(engine.runner.registry).read("prod") == checkpoint.stored


def test_ledger_that_does_not_extend_its_checkpoint_is_not_signed(
    place: Place, engine: Engine
) -> None:
    made(engine)
    Hand(place).cut_off(3, "prod")
    stranger = with_parts(engine, heads=InMemoryHeads())
    with pytest.raises(LedgerUnreadableError, match="was cut or rewritten: it ends with entry 2"):
        stranger.make_checkpoints("prod")

    write_entries(stranger, 2)

    with pytest.raises(LedgerUnreadableError, match="it has another entry 3"):
        stranger.make_checkpoints("prod")


def test_ledger_older_than_the_one_seen_here_is_not_signed(place: Place, engine: Engine) -> None:
    Hand(place).cut_off(3, "prod")

    with pytest.raises(LedgerUnreadableError, match="it was shortened or rewritten"):
        engine.make_checkpoints("prod")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"a\nb\n\nc\n", b"\xff"])
def test_unusable_checkpoint_in_the_registry_counts_as_none(engine: Engine, content: bytes) -> None:
    replace_checkpoint(engine.runner.registry, content)

    assert made(engine).size == 3


def test_checkpoint_by_another_key_counts_as_none(engine: Engine) -> None:
    other = made(logging_engine(engine, generate_key("ed25519")))

    checkpoint = made(engine)

    assert checkpoint.checkpoint == other.checkpoint
    assert checkpoint.stored != other.stored


def test_checkpoint_of_another_log_counts_as_none(engine: Engine, signer: PemSigner) -> None:
    other = made(logging_engine(engine, signer, origin="registry.example/other"))

    checkpoint = made(engine)

    assert checkpoint.checkpoint.origin != other.checkpoint.origin


def test_range_that_does_not_belong_to_the_checkpoint_is_refused(engine: Engine) -> None:
    checkpoint = made(engine)
    forged = StoredCheckpoint(
        checkpoint.stored.note, CompactRange().extend([leaf_hash(b"1"), leaf_hash(b"2")])
    )
    RegistryCheckpoints(engine.runner.registry).write("prod", forged)

    with pytest.raises(LedgerUnreadableError, match="it has another entry 3"):
        engine.make_checkpoints("prod")


def test_older_checkpoint_does_not_replace_a_newer_one(engine: Engine) -> None:
    store = RegistryCheckpoints(engine.runner.registry)
    older = made(engine).stored
    write_entries(engine, 1)
    newer = made(engine).stored
    assert SignedNote.parse(str(newer.note).encode()) == newer.note

    store.write("prod", older)

    assert made(engine).stored.checkpoint == newer.checkpoint
