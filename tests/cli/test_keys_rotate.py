"""`floe keys rotate`: trust other keys by a signed record in each ledger."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from demo.seed import Layout
from docs.reference.outputs import outputs_schema
from tests.cli.serving import Serving, serving, write_manifest
from tests.peers.oidc_provider import oidc_provider
from tests.peers.signing import SigningKey
from tests.scenarios.commands import Floe

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion: {environments: [{name: dev}, {name: prod%s}]}
ledger:
  signing: {key: "file:%s"}
  trusted_keys: [old.key.pub]
"""
JSON = ("--output", "json")
NAMES = ["dev", "prod"]


def configure(floe: Floe, key: str = "old.key", rules: str = "") -> None:
    (floe.folder / "manifest.yaml").write_text(MANIFEST % (rules, key))


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """A platform that signs with old.key; new.key is not trusted."""
    floe = Floe(tmp_path)
    Layout(tmp_path / "registry").publish("v1.0.0", {"release": 1})
    for name in ("old", "new"):
        assert floe.run("keys", "generate", "--out", f"{name}.key").code == 0
    configure(floe)
    return floe


def key_id(floe: Floe, name: str) -> str:
    shown = floe.run("keys", "show", f"{name}.key.pub", *JSON)
    return str(shown.document["key_id"])


def lock(floe: Floe, verb: str = "lock") -> int:
    return floe.run("platform", verb, "--env", "prod", "--reason", "x").code


def test_anchor_of_every_environment_is_printed(floe: Floe) -> None:
    done = floe.run("keys", "rotate", "--add", "new.key.pub", "--reason", "the yearly rotation")

    assert (done.code, done.err) == (0, "")
    for name in NAMES:
        assert f"Rotated: the keys of {name}\n" in done.out
        assert re.search(rf"^  Anchor: {name}#1 sha256:[0-9a-f]{{64}}$", done.out, re.MULTILINE)
    assert f"  Trusted from now on: {key_id(floe, 'new')}\n" in done.out
    assert "  Reason: the yearly rotation\n" in done.out


def test_keys_are_replaced_while_readers_keep_the_old_manifest(floe: Floe) -> None:
    reader = Floe(floe.folder / "reader")
    assert floe.run("keys", "rotate", "--add", "new.key.pub").code == 0
    configure(floe, "new.key")
    assert lock(floe) == 0
    retired = floe.run("keys", "rotate", "--retire", key_id(floe, "old"), *JSON)
    configure(floe, "old.key")
    refused = floe.run("platform", "unlock", "--env", "prod", "--reason", "x")
    shutil.copytree(floe.folder / "registry", reader.folder / "registry")
    for name in ("manifest.yaml", "old.key.pub"):
        shutil.copy(floe.folder / name, reader.folder / name)
    manifest = (reader.folder / "manifest.yaml").read_text()
    (reader.folder / "manifest.yaml").write_text(re.sub("  signing: .*\n", "", manifest))
    status = reader.run("platform", "status", *JSON)
    verified = reader.run("platform", "audit", "verify", *JSON)
    history = floe.run("platform", "audit", "history", "--kind", "rotate")

    assert retired.document["environments"][1]["retire"] == [key_id(floe, "old")]
    assert refused.code == 2
    assert "was retired in 'prod', so nothing was written" in refused.err
    prod = next(row for row in status.document if row["environment"] == "prod")
    assert (prod["lock"]["reason"], prod["ignored_entries"]) == ("x", [])
    assert (verified.code, [each["problems"] for each in verified.document["environments"]]) == (
        0,
        [[], []],
    )
    assert f"trusts {key_id(floe, 'new')[:19]}" in history.out
    assert f"retires {key_id(floe, 'old')[:19]}" in history.out


def test_answer_in_json_has_each_environment(floe: Floe) -> None:
    done = floe.run("keys", "rotate", "--add", "new.key.pub", "--env", "prod", *JSON)
    again = floe.run("keys", "rotate", "--add", "new.key.pub", *JSON)

    schema = outputs_schema() | {"$ref": "#/$defs/keys rotate"}
    for each in (done, again):
        assert list(jsonschema.Draft202012Validator(schema).iter_errors(each.document)) == []
    [rotation] = done.document["environments"]
    assert (done.code, done.document["success"], done.document["error"]) == (0, True, None)
    assert rotation["anchor"].startswith("prod#1 sha256:")
    assert (rotation["add"], rotation["retire"]) == ([key_id(floe, "new")], [])
    outcomes = [(each["environment"], each["outcome"]) for each in again.document["environments"]]
    assert outcomes == [("dev", "rotated"), ("prod", "unchanged")]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ((), "A rotation adds or retires a key"),
        (("--add", "new.key"), "new.key is a private key"),
        (("--add", "manifest.yaml"), "manifest.yaml is not a PEM public key"),
        (("--add", "none.pub"), "none.pub cannot be read"),
        (("--add", "rsa.pub"), "rsa.pub is of an unsupported kind"),
        (("--retire", "sha256:" + "a" * 64), "is not the ID of a key that dev trusts"),
        (("--retire", "sha256:aa"), "'sha256:aa' is not the ID of a key"),
        (("--retire", "old.key.pub"), "leaves no key"),
        (("--add", "new.key.pub", "--env", "moon"), "moon"),
    ],
)
def test_invalid_rotation_writes_nothing(
    floe: Floe, arguments: tuple[str, ...], fault: str
) -> None:
    (floe.folder / "rsa.pub").write_bytes(SigningKey.new("RS256").pem())

    refused = floe.run("keys", "rotate", *arguments)

    assert refused.code in (2, 3), refused
    assert fault in refused.err
    assert "floe-ledger" not in (floe.folder / "registry" / "index.json").read_text()


def test_rotation_without_a_signing_key_is_refused(floe: Floe) -> None:
    manifest = (floe.folder / "manifest.yaml").read_text()
    (floe.folder / "manifest.yaml").write_text(re.sub("  signing: .*\n", "", manifest))

    refused = floe.run("keys", "rotate", "--add", "new.key.pub", *JSON)

    assert refused.code == 2
    assert "ledger.signing is not configured" in refused.document["error"]["message"]


def test_one_environment_that_refuses_stops_the_rotation_of_all(floe: Floe) -> None:
    configure(floe, rules=", authorization: {allowed_groups: [admins]}")

    refused = floe.run("keys", "rotate", "--add", "new.key.pub", *JSON)

    assert refused.code == 12
    assert [each["environment"] for each in refused.document["environments"]] == ["prod"]
    assert (
        floe.run("platform", "audit", "history", "--kind", "rotate", *JSON).document["records"]
        == []
    )


@pytest.fixture
def served(floe: Floe, registry_host: str, repository: str) -> Iterator[tuple[Serving, str]]:
    with oidc_provider(floe.folder) as provider:
        keys = 'ledger: {signing: {key: "file:old.key"}}\n'
        uri = f"oci://{registry_host}/{repository}"
        write_manifest(floe.folder, uri, provider.issuer, more=keys)
        with serving(floe.folder) as server:
            yield server, provider.id_token("bob")


def test_server_rotates_its_keys(served: tuple[Serving, str], floe: Floe) -> None:
    server, token = served
    client = server.client(floe.folder / "client", token)
    for name in ("old", "new"):
        shutil.copy(floe.folder / f"{name}.key.pub", client.folder)

    unknown = client.run("keys", "rotate", "--retire", "sha256:" + "a" * 64, *JSON)
    own = client.run("keys", "rotate", "--retire", "old.key.pub", *JSON)
    done = client.run("keys", "rotate", "--add", "new.key.pub")

    assert (unknown.code, len(unknown.document["environments"])) == (2, 1)
    assert unknown.document["error"]["type"] == "UsageError"
    assert "signs for this server" in own.document["error"]["message"]
    assert done.code == 0, done
    for name in ("dev", "staging", "prod"):
        assert f"  Anchor: {name}#1 sha256:" in done.out
