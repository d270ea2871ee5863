"""Exports are verified offline, and every change to one is found."""

import base64
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.signing.pem import PemSigner, generate_key
from engine.api import Engine
from engine.attestation.keys import load_der
from engine.audit.checkpoints import CheckpointSource
from engine.bootstrap.checkpoints import verify_exports
from engine.domain.artifact import Digest
from engine.domain.audit import Anchor, AuditReport
from engine.domain.errors import UnconfiguredError, UsageError
from engine.domain.tlog.merkle import leaf_hash, root_of
from engine.domain.tlog.note import SignedNote
from engine.domain.tlog.tiles import hash_tiles, pack_entries, unpack_entries
from tests.scenarios.audited import messages, summarize
from tests.scenarios.engines import ProgressLog, policy_of, with_parts
from tests.tlog.logged import ORIGIN, log_key, logged_platform, made, write_entries

SIZE = 260
BUNDLE = "tile/entries/000"
LAST_BUNDLE = "tile/entries/001.p/4"
Edit = Callable[[Path], object]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, PemSigner]]:
    with logged_platform(tmp_path_factory.mktemp("platform"), SIZE) as built:
        yield built


@pytest.fixture(scope="module")
def original(platform: tuple[Engine, PemSigner], tmp_path_factory: pytest.TempPathFactory) -> Path:
    engine, _ = platform
    target = tmp_path_factory.mktemp("exported") / "out"
    engine.export(None, target, ProgressLog())
    return target


@pytest.fixture
def export(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "copy")


@pytest.fixture
def key(platform: tuple[Engine, PemSigner]) -> str:
    return str(log_key(platform[1]))


def verify(directory: Path, *keys: str, anchors: tuple[Anchor, ...] = ()) -> AuditReport:
    return verify_exports(directory, keys, anchors, ProgressLog())


def edit_entries(path: str, change: Callable[[list[bytes]], object]) -> Edit:
    """Edit the entries of the bundle `path`."""

    def edit(log: Path) -> None:
        entries = list(unpack_entries((log / path).read_bytes()))
        change(entries)
        (log / path).write_bytes(pack_entries(entries))

    return edit


def swap(entries: list[bytes]) -> None:
    entries[4], entries[5] = entries[5], entries[4]


def edit_entry(entries: list[bytes]) -> None:
    entries[6] = entries[6].replace(b"alice@acme.com", b"carol@acme.com")


def flip(path: str) -> Edit:
    def edit(log: Path) -> None:
        content = bytearray((log / path).read_bytes())
        content[40] ^= 1
        (log / path).write_bytes(content)

    return edit


def remove(path: str) -> Edit:
    return lambda log: (log / path).unlink()


def with_matching_tiles(edit: Edit) -> Edit:
    """Edit the entries, and write the tiles that belong to them."""

    def edit_all(log: Path) -> None:
        edit(log)
        bundles = ((log / path).read_bytes() for path in (BUNDLE, LAST_BUNDLE))
        entries = [entry for bundle in bundles for entry in unpack_entries(bundle)]
        for path, tile in hash_tiles([leaf_hash(each) for each in entries]):
            (log / path).parent.mkdir(parents=True, exist_ok=True)
            (log / path).write_bytes(tile)

    return edit_all


def test_untouched_export_is_sound(export: Path, key: str) -> None:
    report = verify(export, key)

    (audit,) = report.environments
    assert report.sound
    assert (audit.environment, audit.entries) == ("prod", SIZE)
    assert not audit.notes


def test_keys_of_the_export_itself_are_said_to_be_unconfirmed(export: Path) -> None:
    (audit,) = verify(export).environments

    assert audit.sound
    assert summarize(audit.notes) == [("unconfirmed", None)]
    assert "compare" in messages(audit)


def test_public_key_in_a_file_verifies_every_log(
    export: Path, platform: tuple[Engine, PemSigner], tmp_path: Path
) -> None:
    public = load_der(platform[1].public_key())
    assert public is not None
    (tmp_path / "log.pub").write_text(public.pem)

    (audit,) = verify(export, str(tmp_path / "log.pub")).environments

    assert audit.sound
    assert not audit.notes


def test_one_log_of_an_export_is_verified_alone(export: Path, key: str) -> None:
    assert verify(export / "prod", key).sound


def test_checkpoint_by_another_key_is_a_problem(export: Path) -> None:
    (audit,) = verify(export, str(log_key(generate_key("ed25519")))).environments

    assert summarize(audit.problems) == [("checkpoint", None)]
    assert f"not signed by a known key of {ORIGIN}/prod" in messages(audit)


@pytest.mark.parametrize(
    ("edit", "problems"),
    [
        (edit_entries(BUNDLE, edit_entry), [("checkpoint", 7)]),
        (edit_entries(BUNDLE, swap), [("checkpoint", 6)]),
        (edit_entries(BUNDLE, lambda entries: entries.pop()), [("checkpoint", 256)]),
        (edit_entries(BUNDLE, lambda entries: entries.pop(9)), [("checkpoint", 256)]),
        (edit_entries(BUNDLE, lambda entries: entries.clear()), [("checkpoint", 256)]),
        (remove(BUNDLE), [("checkpoint", 256)]),
        (remove(LAST_BUNDLE), [("checkpoint", 260)]),
        (flip("tile/0/000"), [("altered", None)]),
        (flip("tile/0/001.p/4"), [("altered", None)]),
        (remove("tile/0/000"), [("altered", None)]),
        (remove("tile/1/000.p/1"), [("altered", None)]),
        (with_matching_tiles(edit_entries(BUNDLE, edit_entry)), [("checkpoint", None)]),
        (with_matching_tiles(edit_entries(BUNDLE, swap)), [("checkpoint", None)]),
        (with_matching_tiles(edit_entries(LAST_BUNDLE, lambda e: e.pop())), [("checkpoint", 260)]),
        (remove("checkpoint"), [("checkpoint", None)]),
        (flip("checkpoint"), [("checkpoint", None)]),
    ],
)
def test_every_change_is_found(
    export: Path, key: str, edit: Edit, problems: list[tuple[str, int | None]]
) -> None:
    edit(export / "prod")

    (audit,) = verify(export, key).environments

    assert summarize(audit.problems) == problems


def test_altered_entry_is_summarize(export: Path, key: str) -> None:
    edit_entries(BUNDLE, edit_entry)(export / "prod")

    (audit,) = verify(export, key).environments

    assert "Entry 7 of prod is missing or altered: the checkpoint signs other content" in messages(
        audit
    )


def test_each_record_is_verified(export: Path, key: str) -> None:
    blobs = sorted((export / "prod/blobs/sha256").iterdir())
    blobs.remove(export / "prod/blobs/sha256" / policy_of().digest.removeprefix("sha256:"))
    assert len(blobs) == SIZE
    blobs[0].unlink()
    blobs[1].write_bytes(blobs[1].read_bytes().replace(b"alice", b"carol"))

    (audit,) = verify(export, key).environments

    assert sorted(kind for kind, _ in summarize(audit.problems)) == ["altered", "missing"]


def test_larger_size_in_the_checkpoint_is_found(export: Path, key: str) -> None:
    path = export / "prod/checkpoint"
    path.write_text(path.read_text().replace(f"\n{SIZE}\n", f"\n{SIZE - 1}\n"))

    (audit,) = verify(export, key).environments

    assert "the signature by registry.example/acme/app/prod is wrong" in messages(audit)


def test_anchors_are_checked_offline(
    export: Path, key: str, platform: tuple[Engine, PemSigner]
) -> None:
    entry = platform[0].entry("prod", 7)
    assert entry is not None
    good, wrong = Anchor("prod", 7, entry.digest), Anchor("prod", 8, entry.digest)

    (audit,) = verify(export, key, anchors=(good, wrong)).environments

    assert summarize(audit.problems) == [("anchor", 8)]


def test_anchor_of_an_environment_without_export_is_refused(export: Path, key: str) -> None:
    with pytest.raises(UsageError, match="staging is not among the verified environments: prod"):
        verify(export, key, anchors=(Anchor("staging", 1, Digest.of(b"")),))


@pytest.mark.parametrize("key", ["nonsense", "a+00000000+AAAA"])
def test_invalid_key_is_refused(export: Path, key: str) -> None:
    with pytest.raises(UsageError, match="neither a file nor a verifier key"):
        verify(export, key)


def test_directory_without_an_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no exported ledger"):
        verify(tmp_path)


def test_occupied_directory_is_refused(platform: tuple[Engine, PemSigner], tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")

    with pytest.raises(UsageError, match="name a new or empty directory"):
        platform[0].export(None, tmp_path, ProgressLog())
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]


def test_export_without_key_ends_with_the_stored_checkpoint(tmp_path: Path) -> None:
    with logged_platform(tmp_path, 3) as (engine, signer):
        assert engine.runner.checkpoints is not None
        without_key = replace(engine.runner.checkpoints.open(), signer=None)
        reader = with_parts(engine, checkpoints=CheckpointSource(lambda: without_key))
        with pytest.raises(UnconfiguredError, match="has no checkpoint by a known key"):
            reader.export("prod", tmp_path / "none", ProgressLog())
        made(engine)
        write_entries(engine, 2)

        (exported,) = reader.export("prod", tmp_path / "out", ProgressLog())

        assert exported.size == 3
        assert verify(tmp_path / "out", str(log_key(signer))).sound
        assert not (tmp_path / "none").exists()


def test_exported_checkpoint_signs_the_manifests(export: Path, platform: object) -> None:
    note = SignedNote.parse((export / "prod/checkpoint").read_bytes())
    bundles = ((export / "prod" / path).read_bytes() for path in (BUNDLE, LAST_BUNDLE))
    entries = [entry for bundle in bundles for entry in unpack_entries(bundle)]

    root = base64.b64encode(root_of(map(leaf_hash, entries))).decode()
    assert note.text == f"{ORIGIN}/prod\n{SIZE}\n{root}\n"
