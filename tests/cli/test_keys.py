"""`floe keys`: make keys that sign ledger entries, and show their public part in every form."""

import base64
import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.scenarios.commands import Floe

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
"""
SIGNING = MANIFEST + "ledger: {signing: {key: 'env:LEDGER_KEY'}}\n"


@pytest.mark.parametrize("kind", ["ecdsa", "ed25519"])
def test_generated_files_are_a_pair_and_the_private_one_is_protected(
    kind: str, tmp_path: Path
) -> None:
    made = Floe(tmp_path).run("keys", "generate", "--kind", kind, "--output", "json")

    private, public = tmp_path / "floe.key", tmp_path / "floe.key.pub"
    derived = subprocess.run(
        ["openssl", "pkey", "-in", private, "-pubout"], capture_output=True, check=True, text=True
    )
    assert made.code == 0
    assert private.stat().st_mode & 0o777 == 0o600
    assert public.read_text() == derived.stdout == made.document["public_key"]
    assert made.document["kind"] == kind
    assert made.document["private_key_file"] == "floe.key"
    assert "PRIVATE KEY" not in made.out + made.err


@pytest.mark.parametrize("existing", ["floe.key", "floe.key.pub"])
def test_existing_file_is_never_overwritten(existing: str, tmp_path: Path) -> None:
    (tmp_path / existing).write_text("mine")

    refused = Floe(tmp_path).run("keys", "generate")

    assert refused.code == 2
    assert f"{existing} already exists, and keys are never overwritten" in refused.err
    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_text() == "mine"


def test_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    refused = Floe(tmp_path).run("keys", "generate", "--out", "missing/floe.key")

    assert refused.code == 2
    assert "missing/floe.key cannot be written: No such file or directory" in refused.err


def test_key_id_is_the_digest_of_the_public_key(tmp_path: Path) -> None:
    floe = Floe(tmp_path)
    floe.run("keys", "generate")

    shown = floe.run("keys", "show", "floe.key.pub", "--output", "json").document

    command = ["openssl", "pkey", "-pubin", "-in", tmp_path / "floe.key.pub", "-outform", "DER"]
    digest = hashlib.sha256(subprocess.check_output(command)).digest()
    assert shown["key_id"] == f"sha256:{digest.hex()}"
    assert shown["cosign_hint"] == base64.b64encode(digest).decode()
    assert shown["verifier_key"] is None


def test_ed25519_key_has_a_form_for_signed_notes(tmp_path: Path) -> None:
    floe = Floe(tmp_path)
    floe.run("keys", "generate", "--kind", "ed25519")

    shown = floe.run("keys", "show", "floe.key", "--name", "acme.com/app", "--output", "json")

    name, key_hash, key = shown.document["verifier_key"].split("+", 2)
    content = base64.b64decode(key)
    assert (name, content[0], len(content)) == ("acme.com/app", 1, 33)
    assert key_hash == hashlib.sha256(b"acme.com/app\n" + content).hexdigest()[:8]


@pytest.mark.parametrize("name", ["", "a b", "a+b"])
def test_name_that_a_signed_note_cannot_have_is_refused(name: str, tmp_path: Path) -> None:
    refused = Floe(tmp_path).run("keys", "generate", "--name", name)

    assert refused.code == 2
    assert not (tmp_path / "floe.key").exists()


def test_private_file_public_file_and_manifest_show_the_same_key(tmp_path: Path) -> None:
    floe = Floe(tmp_path)
    floe.run("keys", "generate")
    (tmp_path / "manifest.yaml").write_text(SIGNING)
    configured = Floe(tmp_path, {"LEDGER_KEY": (tmp_path / "floe.key").read_text()})

    shown = [configured.run("keys", "show", *file) for file in ([], ["floe.key"], ["floe.key.pub"])]

    texts = {ended.out.rpartition("Trace ID")[0] for ended in shown}
    assert [ended.code for ended in shown] == [0, 0, 0]
    assert len(texts) == 1
    assert texts.pop().startswith((tmp_path / "floe.key.pub").read_text())


@pytest.mark.parametrize(
    ("manifest", "environ", "message"),
    [
        (MANIFEST, {}, "has no ledger.signing.key. Make a key: floe keys generate"),
        (SIGNING, {}, "ledger.signing.key: the environment variable LEDGER_KEY is not set"),
        (SIGNING, {"LEDGER_KEY": "x"}, "env:LEDGER_KEY is not a private key in PEM"),
    ],
)
def test_unusable_configured_key_is_a_configuration_error(
    manifest: str, environ: dict[str, str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "manifest.yaml").write_text(manifest)

    refused = Floe(tmp_path, environ).run("keys", "show", "--output", "json")

    assert refused.code == refused.document["error"]["exit_code"] == 2
    assert message in refused.document["error"]["message"]
    assert "Traceback" not in refused.err


def test_missing_file_is_named(tmp_path: Path) -> None:
    refused = Floe(tmp_path).run("keys", "show", "missing.pub")

    assert refused.code == 2
    assert "missing.pub cannot be read: No such file or directory" in refused.err
