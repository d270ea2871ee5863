"""Commands on a signed ledger: keys that cannot sign, and entries that no trusted key signed."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.seed import Layout
from tests.scenarios.commands import Floe

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {{uri: "oci-layout:./registry"}}
  promotion: {{environments: [{{name: dev}}, {{name: staging}}]}}
ledger:
  signing: {{key: "{key}"}}
  trusted_keys: [floe.key.pub]
"""
Configure = Callable[[str], None]


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """A platform whose ledger is signed with floe.key; v1.0.0 is built."""
    Layout(tmp_path / "registry").publish("v1.0.0", {"release": 0})
    floe = Floe(tmp_path)
    floe.run("keys", "generate")
    write_manifest(floe, "file:floe.key")
    return floe


def write_manifest(floe: Floe, key: str) -> None:
    (floe.folder / "manifest.yaml").write_text(MANIFEST.format(key=key))


def tags(floe: Floe) -> set[str]:
    index = json.loads((floe.folder / "registry" / "index.json").read_text())
    names = (each.get("annotations", {}) for each in index["manifests"])
    return {name.get("org.opencontainers.image.ref.name", "") for name in names}


def test_signed_ledger_is_sound_and_unlocks(floe: Floe) -> None:
    ended = [
        floe.promote("v1.0.0", "staging"),
        floe.run("platform", "lock", "--env", "staging", "--reason", "INC-1"),
        floe.run("platform", "unlock", "--env", "staging", "--reason", "over"),
        floe.run("platform", "audit", "verify"),
    ]

    assert [each.code for each in ended] == [0, 0, 0, 0], ended
    assert "The ledger of staging is sound: 3 records" in ended[-1].out


@pytest.mark.parametrize(
    ("key", "code", "message"),
    [
        ("env:LEDGER_KEY", 2, "ledger.signing.key: the environment variable LEDGER_KEY is not set"),
        ("file:missing.key", 2, "missing.key cannot be read: No such file or directory"),
        ("file:floe.key.pub", 2, "is a public key: signing needs the private one"),
        ("hashivault:floe", 2, "hashivault:floe needs a package that is not installed"),
        ("awskms:alias/floe", 5, "awskms:alias/floe cannot sign, so nothing was written"),
    ],
)
def test_key_that_cannot_sign_writes_nothing(floe: Floe, key: str, code: int, message: str) -> None:
    before = tags(floe)
    write_manifest(floe, key)

    promoted = floe.promote("v1.0.0", "staging")
    locked = floe.run("platform", "lock", "--env", "staging", "--reason", "x", "--output", "json")

    for ended in (promoted, locked):
        assert ended.code == code, ended
        assert message in ended.document["error"]["message"]
    assert tags(floe) == before


@pytest.mark.parametrize("key", ["env:LEDGER_KEY", "file:missing.key", "awskms:alias/floe"])
def test_commands_that_only_read_need_no_private_key(floe: Floe, key: str) -> None:
    floe.promote("v1.0.0", "staging")
    write_manifest(floe, key)

    status = floe.run("platform", "status", "--output", "json")
    audit = floe.run("platform", "audit", "verify")

    assert (status.code, audit.code) == (0, 0), (status, audit)
    assert status.document[1]["version"] == "v1.0.0"


def without_trusted_keys(floe: Floe, key: str = "file:floe.key", rest: str = "") -> None:
    text = MANIFEST.format(key=key).replace("  trusted_keys: [floe.key.pub]\n", rest)
    (floe.folder / "manifest.yaml").write_text(text)


def test_own_key_is_trusted_without_trusted_keys(floe: Floe) -> None:
    without_trusted_keys(floe)
    floe.promote("v1.0.0", "staging")
    other = Floe(floe.folder / "other")
    other.folder.mkdir()
    other.run("keys", "generate")
    text = (floe.folder / "manifest.yaml").read_text().replace("./registry", "../registry")
    (other.folder / "manifest.yaml").write_text(text)

    mine = floe.run("platform", "status", "--output", "json").document[1]
    foreign = other.run("platform", "status", "--output", "json").document[1]
    locked = other.run("platform", "lock", "--env", "staging", "--reason", "x", "--output", "json")

    assert (mine["version"], mine["untrusted_entries"]) == ("v1.0.0", [])
    assert (foreign["version"], foreign["untrusted_entries"]) == (None, [1])
    assert locked.code == 5
    assert "no trusted key signed any of them" in locked.document["error"]["message"]


@pytest.mark.parametrize(
    ("key", "code", "message"),
    [
        (
            "env:LEDGER_KEY",
            2,
            "ledger.signing.key: the environment variable LEDGER_KEY is not set, and "
            "ledger.trusted_keys is not configured, so the entries of the ledger cannot be "
            "verified: set the variable, or list the public key in ledger.trusted_keys",
        ),
        ("file:missing.key", 2, "missing.key cannot be read: No such file or directory"),
        ("awskms:alias/floe", 5, "awskms:alias/floe cannot sign"),
    ],
)
def test_ledger_that_cannot_be_verified_is_not_read(
    floe: Floe, key: str, code: int, message: str
) -> None:
    floe.promote("v1.0.0", "staging")
    without_trusted_keys(floe, key)

    for command in (("status",), ("audit", "verify"), ("audit", "history")):
        ended = floe.run("platform", *command, "--env", "staging")
        assert ended.code == code, ended
        assert message in ended.err


def test_unsigned_ledger_is_adopted_as_the_refusal_says(floe: Floe) -> None:
    signed = (floe.folder / "manifest.yaml").read_text()
    (floe.folder / "manifest.yaml").write_text(signed.partition("ledger:")[0])
    floe.promote("v1.0.0", "staging")
    without_trusted_keys(floe)
    refused = floe.run(
        "platform", "lock", "--env", "staging", "--reason", "INC-1", "--output", "json"
    )
    [line] = re.findall(r"adopted: \[.*?\]", refused.document["error"]["message"])
    without_trusted_keys(floe, rest=f"  {line}\n")

    locked = floe.run("platform", "lock", "--env", "staging", "--reason", "INC-1")
    without_trusted_keys(floe)
    status = floe.run("platform", "status", "--output", "json").document[1]

    assert (refused.code, locked.code) == (5, 0), (refused, locked)
    assert (status["version"], status["locked"]) == ("v1.0.0", True)


def test_untrusted_entry_is_shown_loudly(floe: Floe, tmp_path: Path) -> None:
    floe.promote("v1.0.0", "staging")
    intruder = Floe(tmp_path / "intruder")
    intruder.folder.mkdir()
    intruder.run("keys", "generate")
    text = MANIFEST.format(key="file:floe.key").replace("./registry", "../registry")
    text = text.replace("floe.key.pub", "../floe.key.pub, floe.key.pub")
    (intruder.folder / "manifest.yaml").write_text(text)
    intruder.run("platform", "lock", "--env", "staging", "--reason", "mine")

    status = floe.run("platform", "status")
    document = floe.run("platform", "status", "--output", "json").document[1]
    audit = floe.run("platform", "audit", "verify", "--env", "staging")

    assert "WARNING: untrusted entry 2 in staging: no trusted key signed it" in status.err
    assert (document["ignored_entries"], document["untrusted_entries"]) == ([2], [2])
    assert (document["version"], document["locked"]) == ("v1.0.0", False)
    assert audit.code == 1
    assert "untrusted entry 2 in staging: no trusted key signed" in audit.out


def test_copy_in_a_secondary_registry_keeps_its_signatures(floe: Floe) -> None:
    path = floe.folder / "manifest.yaml"
    secondary = '{name: staging}], secondary_registries: [{uri: "oci-layout:./copy"}]'
    path.write_text(path.read_text().replace("{name: staging}]", secondary))
    promoted = floe.promote("v1.0.0", "staging")
    synced = floe.run("platform", "sync")
    reader = MANIFEST.format(key="env:UNSET").replace("./registry", "./copy")
    path.write_text(reader)

    status = floe.run("platform", "status", "--output", "json")
    audit = floe.run("platform", "audit", "verify", "--env", "staging")

    assert (promoted.code, synced.code) == (0, 0), (promoted, synced)
    assert (status.document[1]["version"], status.document[1]["ignored_entries"]) == ("v1.0.0", [])
    assert (audit.code, "without a signature" in audit.out) == (0, False), audit
