"""The settings of checkpoints and witnesses."""

import base64
import hashlib
from pathlib import Path

import pytest

from engine.config.signing_keys import SigningKey
from tests.config.manifest_files import load, manifest, problems
from tests.peers import signing as keys

NAME, PUBLIC = "witness.example/w1", b"\x07" * 32


def vkey(kind: int) -> str:
    content = bytes([kind]) + PUBLIC
    key_id = hashlib.sha256(NAME.encode() + b"\n" + content).digest()[:4]
    return f"{NAME}+{key_id.hex()}+{base64.b64encode(content).decode()}"


def ledger(text: str) -> str:
    return manifest(rest=f"ledger: {{{text}}}\n")


CHECKPOINT = "checkpoint: {key: 'file:checkpoint.key'}"
WITNESSES = f"witnesses: [{{url: 'https://witness.example', key: '{vkey(4)}'}}]"


def test_key_of_checkpoints_is_relative_to_the_manifest(tmp_path: Path) -> None:
    config = load(tmp_path, ledger(CHECKPOINT))

    assert config.ledger.checkpoint is not None
    place = config.ledger.checkpoint.key
    assert place == SigningKey("file", str(tmp_path / "checkpoint.key"))


def test_witnesses_are_asked_within_an_hour_by_default(tmp_path: Path) -> None:
    config = load(tmp_path, ledger(f"{CHECKPOINT}, {WITNESSES}, require_witness: {{}}"))

    assert [each.key for each in config.ledger.witnesses] == [vkey(4)]
    assert config.ledger.require_witness is not None
    assert config.ledger.require_witness.max_age == 3600


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        (WITNESSES, "ledger.witnesses", "set ledger.checkpoint.key too"),
        (
            f"{CHECKPOINT}, require_witness: {{max_age: 1h}}",
            "ledger.require_witness",
            "needs ledger.witnesses",
        ),
        (
            f"{CHECKPOINT}, {WITNESSES}, require_witness: {{max_age: 0s}}",
            "ledger.require_witness.max_age",
            "must be a number and a unit",
        ),
        (
            f"{CHECKPOINT}, {WITNESSES.replace(vkey(4), vkey(1))}",
            "ledger.witnesses[0].key",
            "is the key of a log and not of a witness",
        ),
        (
            f"{CHECKPOINT}, {WITNESSES.replace('+', '-')}",
            "ledger.witnesses[0].key",
            "a verifier key looks like",
        ),
        (
            f"{CHECKPOINT}, {WITNESSES.replace('https://', '')}",
            "ledger.witnesses[0].url",
            "must be",
        ),
        ("checkpoint: {key: 'checkpoint.key'}", "ledger.checkpoint.key", "must be one of env:"),
        (
            "checkpoint: {public_keys: [ecdsa.pub]}",
            "ledger.checkpoint.public_keys[0]",
            "is not an Ed25519 key: checkpoints need one",
        ),
    ],
)
def test_setting_that_cannot_work_is_refused(
    tmp_path: Path, text: str, path: str, problem: str
) -> None:
    (tmp_path / "ecdsa.pub").write_bytes(keys.SigningKey.new("ES256").pem())

    (found,) = problems(tmp_path, ledger(text))

    assert found.startswith(f"{path}: ")
    assert problem in found


def test_requirement_of_witnesses_is_part_of_the_policy(tmp_path: Path) -> None:
    base = f"{CHECKPOINT}, {WITNESSES}"
    texts = [base, f"{base}, require_witness: {{}}", f"{base}, require_witness: {{max_age: 2h}}"]

    digests = [load(tmp_path, ledger(text)).policy.digest for text in texts]

    assert len(set(digests)) == 3
    assert load(tmp_path, manifest()).policy.digest == digests[0]
