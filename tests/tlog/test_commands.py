"""`floe platform audit checkpoint`, `export` and `verify --from`, and anchors."""

import re
import shutil
from pathlib import Path

import pytest

from demo.seed import seed
from tests.scenarios.commands import Floe

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion: {environments: [{name: dev}, {name: staging}, {name: prod}]}
identity: {trust_os_user: true}
"""
KEY = "ledger: {checkpoint: {key: 'file:checkpoint.key'}}\n"


@pytest.fixture(scope="module")
def used_platform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A platform with two promotions to staging, an export, and checkpoints."""
    folder = tmp_path_factory.mktemp("platform")
    floe = Floe(folder)
    (folder / "manifest.yaml").write_text(MANIFEST + KEY)
    seed(folder / "registry")
    made = floe.run("keys", "generate", "--kind", "ed25519", "--out", "checkpoint.key")
    assert made.code == 0, made.err
    for version in ("v1.2.2", "v1.2.3"):
        assert floe.promote(version, "staging").code == 0
    return folder


@pytest.fixture
def floe(used_platform: Path, tmp_path: Path) -> Floe:
    return Floe(shutil.copytree(used_platform, tmp_path / "platform"))


def head_of(floe: Floe) -> str:
    verified = floe.run("platform", "audit", "verify", "--env", "staging", "--output", "json")
    head = verified.document["environments"][0]["head"]
    assert isinstance(head, str)
    return head


def test_checkpoint_is_printed_and_kept(floe: Floe) -> None:
    first = floe.run("platform", "audit", "checkpoint")
    again = floe.run("platform", "audit", "checkpoint", "--output", "json")

    assert first.code == again.code == 0
    lines = first.out.splitlines()
    assert lines[:2] == ["oci-layout/registry/staging", "2"]
    assert re.fullmatch(r"— oci-layout/registry/staging \S+=", lines[4])
    (checkpoint,) = again.document["checkpoints"]
    assert checkpoint["note"].splitlines() == lines[:5]
    assert (checkpoint["size"], checkpoint["refusals"]) == (2, {})


def test_empty_ledger_has_no_checkpoint(floe: Floe) -> None:
    done = floe.run("platform", "audit", "checkpoint", "--env", "prod")

    assert done.code == 0
    assert done.out.endswith("There is no checkpoint: nothing was recorded yet\n")


@pytest.mark.parametrize("command", [("checkpoint",), ("export", "out")])
def test_manifest_without_a_key_is_one_sentence(floe: Floe, command: tuple[str, ...]) -> None:
    (floe.folder / "manifest.yaml").write_text(MANIFEST)

    done = floe.run("platform", "audit", *command)

    assert done.code == 2
    assert "manifest.yaml has no ledger.checkpoint. Make a key: floe keys generate" in done.err
    assert not (floe.folder / "out").exists()


def test_key_of_another_kind_is_refused(floe: Floe) -> None:
    floe.run("keys", "generate", "--out", "ecdsa.key")
    (floe.folder / "manifest.yaml").write_text(
        MANIFEST + KEY.replace("checkpoint.key", "ecdsa.key")
    )

    done = floe.run("platform", "audit", "checkpoint")

    assert done.code == 2
    assert "ledger.checkpoint.key must be an Ed25519 key, to sign checkpoints" in done.err


def test_unset_key_stops_only_commands_that_need_it(floe: Floe) -> None:
    (floe.folder / "manifest.yaml").write_text(
        MANIFEST + KEY.replace("file:checkpoint.key", "env:FLOE_CHECKPOINT_KEY")
    )

    made = floe.run("platform", "audit", "checkpoint")
    promoted = floe.promote("v1.2.3", "prod")

    assert made.code == 2
    assert "the environment variable FLOE_CHECKPOINT_KEY is not set" in made.err
    assert promoted.code == 0


def test_missing_key_file_stops_only_commands_that_sign(floe: Floe) -> None:
    (floe.folder / "checkpoint.key").unlink()

    made = floe.run("platform", "audit", "checkpoint")
    verified = floe.run("platform", "audit", "verify")

    assert made.code == 2
    assert "checkpoint.key cannot be read: No such file" in made.err
    assert verified.code == 0


def test_export_is_verified_without_registry_and_manifest(floe: Floe, tmp_path: Path) -> None:
    exported = floe.run("platform", "audit", "export", "out")
    elsewhere = Floe(tmp_path)
    shutil.move(floe.folder / "out", tmp_path / "out")
    public = str(floe.folder / "checkpoint.key.pub")
    shutil.rmtree(floe.folder / "registry")

    verified = elsewhere.run("platform", "audit", "verify", "--from", "out", "--key", public)

    assert exported.code == 0
    assert "oci-layout/registry/staging: 2 entries" in exported.out
    assert verified.code == 0
    assert verified.out.splitlines()[-1].startswith("The ledger of staging is sound: 2 records")


def test_altered_export_is_exit_1(floe: Floe) -> None:
    floe.run("platform", "audit", "export", "out", "--env", "staging")
    bundle = floe.folder / "out/staging/tile/entries/000.p/2"
    bundle.write_bytes(bundle.read_bytes().replace(b"v1.2.2", b"v6.6.6"))

    done = floe.run("platform", "audit", "verify", "--from", "out", "--output", "json")

    assert done.code == 1
    (audit,) = done.document["environments"]
    assert [problem["kind"] for problem in audit["problems"]] == ["checkpoint"]
    assert "Entries 1 to 2 of staging are missing or altered" in audit["problems"][0]["message"]


def test_anchor_in_the_ledger_is_sound(floe: Floe) -> None:
    anchor = f"staging#2={head_of(floe)}"

    done = floe.run("platform", "audit", "verify", "--anchor", anchor)

    assert done.code == 0


@pytest.mark.parametrize(
    ("anchor", "fact"),
    [
        (f"staging#2=sha256:{'a' * 64}", "entry 2 is sha256:"),
        (f"staging#9 sha256:{'a' * 64}", "it ends with entry 2"),
        (f"prod#1=sha256:{'a' * 64}", "it ends with entry 0"),
    ],
)
def test_anchor_that_the_ledger_lacks_is_exit_1(floe: Floe, anchor: str, fact: str) -> None:
    done = floe.run("platform", "audit", "verify", "--anchor", anchor)

    name = anchor.replace("=", " ")
    assert done.code == 1
    assert (
        f"PROBLEM anchor: The ledger of {anchor.split('#')[0]} does not contain {name}: {fact}"
        in (done.out)
    )


@pytest.mark.parametrize(
    "anchor", ["staging#2", "staging#0=sha256:" + "a" * 64, "staging#2=sha256:abc", "#2"]
)
def test_invalid_anchor_is_refused(floe: Floe, anchor: str) -> None:
    done = floe.run("platform", "audit", "verify", "--anchor", anchor)

    assert done.code == 2
    assert f"'{anchor}' is not an anchor: write an environment, a number" in done.err


def test_anchor_of_another_environment_is_refused(floe: Floe) -> None:
    anchor = f"prod#1=sha256:{'a' * 64}"

    done = floe.run("platform", "audit", "verify", "--env", "staging", "--anchor", anchor)

    assert done.code == 2
    assert "prod is not among the verified environments: staging" in done.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--key", "x"), "--key needs --from"),
        (("--from", ".", "--env", "prod"), "leave out --env and --policy"),
        (("--from", "missing"), "'missing' does not exist"),
        (("--from", "."), "'.' has no exported ledger"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    floe: Floe, arguments: tuple[str, ...], problem: str
) -> None:
    done = floe.run("platform", "audit", "verify", *arguments)

    assert done.code == 2
    assert problem in done.err


def test_exported_keys_judge_the_entries(floe: Floe) -> None:
    for name in ("floe.key", "other.key"):
        assert floe.run("keys", "generate", "--out", name).code == 0
    settings = "ledger: {checkpoint: {key: 'file:checkpoint.key'}, signing: {key: 'file:floe.key'}"
    (floe.folder / "manifest.yaml").write_text(f"{MANIFEST}{settings}}}\n")
    locking = ("platform", "lock", "--env", "prod", "--reason", "INC-1")
    assert floe.run(*locking).code == 0
    assert floe.run("platform", "audit", "export", "out", "--env", "prod").code == 0
    verify = ("platform", "audit", "verify", "--from", "out", "--key", "checkpoint.key.pub")

    unconfirmed = floe.run(*verify)
    known = floe.run(*verify, "--key", "floe.key.pub")
    foreign = floe.run(*verify, "--key", "other.key.pub")

    public = (floe.folder / "floe.key.pub").read_text()
    assert (floe.folder / "out/prod/entry-keys.pem").read_text() == public
    assert (unconfirmed.code, known.code, foreign.code) == (0, 0, 1)
    assert "note unconfirmed: The keys of the entries of prod come from" in unconfirmed.out
    assert "note" not in known.out
    assert "PROBLEM untrusted: untrusted entry 1 in prod" in foreign.out
