"""Log entries that their log contradicts: promises, inclusion proofs and checkpoints."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.sigstore import SigstoreVerifier
from tests.signatures.sigstore_kit.formats import (
    Json,
    b64,
    dsse_entry,
    key_bundle,
    key_envelope,
    pem,
    sign,
    statement,
)
from tests.signatures.sigstore_kit.instance import MiniSigstore, new_key
from tests.signatures.sigstore_kit.repository import SignedRepository, verdict_of

P256 = new_key()


@pytest.fixture
def repository(tmp_path: Path) -> SignedRepository:
    return SignedRepository(tmp_path / "registry")


@pytest.fixture
def sigstore() -> MiniSigstore:
    return MiniSigstore()


@pytest.fixture
def verifier(sigstore: MiniSigstore, tmp_path: Path) -> SigstoreVerifier:
    """Trusts P256, and the logs of `sigstore`."""
    root = tmp_path / "root.json"
    root.write_bytes(sigstore.trusted_root())
    return SigstoreVerifier((pem(P256),), trusted_root=root)


def promise_by_another(entry: Json) -> None:
    entry["inclusionPromise"]["signedEntryTimestamp"] = b64(sign(new_key(), b""))


def later(entry: Json) -> None:
    entry["integratedTime"] = str(int(entry["integratedTime"]) + 1)


def called_another_kind(entry: Json) -> None:
    entry["kindVersion"]["version"] = "0.0.9"


def at_another_place(entry: Json) -> None:
    entry["inclusionProof"]["logIndex"] = "0"


def beyond_the_tree(entry: Json) -> None:
    entry["inclusionProof"]["logIndex"] = "3"


def without_a_step(entry: Json) -> None:
    entry["inclusionProof"]["hashes"].pop()


def with_a_step_more(entry: Json) -> None:
    entry["inclusionProof"]["hashes"] *= 2


def without_checkpoint(entry: Json) -> None:
    del entry["inclusionProof"]["checkpoint"]


def with_another_trees_checkpoint(entry: Json) -> None:
    checkpoint = entry["inclusionProof"]["checkpoint"]
    checkpoint["envelope"] = checkpoint["envelope"].replace("\n3\n", "\n4\n")


def with_an_unsigned_checkpoint(entry: Json) -> None:
    checkpoint = entry["inclusionProof"]["checkpoint"]
    checkpoint["envelope"] = checkpoint["envelope"].partition("—")[0]


def with_no_note(entry: Json) -> None:
    entry["inclusionProof"]["checkpoint"]["envelope"] = "note"


@pytest.mark.requirement("FR-018")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (promise_by_another, "is not signed by the log it names"),
        (later, "is not signed by the log it names"),
        (called_another_kind, "is a dsse 0.0.1 and said to be another"),
        (at_another_place, "does not lead to the log's root hash"),
        (beyond_the_tree, "does not lead to the log's root hash"),
        (without_a_step, "does not lead to the log's root hash"),
        (with_a_step_more, "does not lead to the log's root hash"),
        (without_checkpoint, "has no checkpoint"),
        (with_another_trees_checkpoint, "is of another tree"),
        (with_an_unsigned_checkpoint, "is not signed by the log"),
        (with_no_note, "is not a signed note"),
    ],
)
def test_a_log_entry_that_its_log_contradicts_refuses_a_good_signature(
    change: Callable[[Json], None],
    reason: str,
    repository: SignedRepository,
    sigstore: MiniSigstore,
    verifier: SigstoreVerifier,
) -> None:
    payload = statement(repository.digest)
    signed = key_envelope(P256, payload)
    entry = sigstore.entry(dsse_entry(payload, signed["dsseEnvelope"], pem(P256)))
    change(entry)
    repository.attach(key_bundle(P256, signed, entry))

    assert reason in verdict_of(repository, verifier).summary


@pytest.mark.requirement("FR-018")
@pytest.mark.parametrize(("index", "size"), [("1", 3), ("1", 2), ("5", 1)])
def test_a_proof_that_does_not_fit_its_tree_is_refused(
    index: str,
    size: int,
    repository: SignedRepository,
    sigstore: MiniSigstore,
    verifier: SigstoreVerifier,
) -> None:
    payload = statement(repository.digest)
    signed = key_envelope(P256, payload)
    entry = sigstore.entry(dsse_entry(payload, signed["dsseEnvelope"], pem(P256)))
    leaf = hashlib.sha256(b"\0" + base64.b64decode(entry["canonicalizedBody"])).digest()
    entry["inclusionProof"] = {
        "logIndex": index,
        "rootHash": b64(leaf),
        "treeSize": str(size),
        "checkpoint": sigstore.checkpoint(size, leaf),
    }
    repository.attach(key_bundle(P256, signed, entry))

    assert "does not lead to the log's root hash" in verdict_of(repository, verifier).summary


@pytest.mark.requirement("FR-018")
def test_a_checkpoint_of_another_tree_is_refused(
    repository: SignedRepository, sigstore: MiniSigstore, verifier: SigstoreVerifier
) -> None:
    payload = statement(repository.digest)
    signed = key_envelope(P256, payload)
    entry = sigstore.entry(dsse_entry(payload, signed["dsseEnvelope"], pem(P256)))
    entry["inclusionProof"]["checkpoint"] = sigstore.checkpoint(3, b"\0" * 32)
    repository.attach(key_bundle(P256, signed, entry))

    assert "is of another tree" in verdict_of(repository, verifier).summary
