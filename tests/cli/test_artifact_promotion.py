"""`floe artifact verify --env`: the attestation of a promotion, and its place in the ledger."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.seed import Layout
from engine.adapters.ledger.sealing import Sealing
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.signing.pem import load_private_pem
from engine.api import Engine
from engine.attestation.keys import load_der
from engine.bootstrap.keys import show_key
from engine.domain.artifact import Tag
from tests.scenarios.commands import Finished, Floe
from tests.scenarios.engines import engine_on, path_of, promote
from tests.scenarios.sealed import OTHER, trust

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion: {environments: [{name: dev}, {name: prod}]}
ledger:
  signing: {key: "file:floe.key"}
  trusted_keys: [floe.key.pub]
"""


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """v1.0.0 to v1.0.2 are built, and v1.0.0 was promoted to prod."""
    layout = Layout(tmp_path / "registry")
    for number in range(3):
        layout.publish(f"v1.0.{number}", {"release": number})
    floe = Floe(tmp_path)
    floe.run("keys", "generate")
    (tmp_path / "stranger").mkdir()
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    assert floe.promote("v1.0.0", "prod").code == 0
    return floe


def verify(floe: Floe, version: str, *options: str) -> Finished:
    return floe.run("artifact", "verify", version, "--env", "prod", "--output", "json", *options)


@contextmanager
def stranger(floe: Floe) -> Iterator[Engine]:
    """An engine that signs with another key, and trusts it too."""
    own = load_private_pem((floe.folder / "floe.key").read_bytes(), "floe.key")
    registry, path = LayoutRegistry(floe.folder / "registry"), path_of("dev", "prod")
    with engine_on(
        registry, floe.folder / "stranger", path, sealing=Sealing(OTHER, trust(OTHER, own))
    ) as engine:
        yield engine


def fingerprint(floe: Floe) -> str:
    return show_key(floe.folder / "floe.key.pub").fingerprint


def test_running_version_is_verified_with_its_entry_and_key(floe: Floe) -> None:
    ended = verify(floe, "v1.0.0")
    shown = floe.run("artifact", "verify", "v1.0.0", "--env", "prod")

    found = ended.document["promotion"]
    assert (ended.code, ended.document["success"], ended.document["signature"]) == (0, True, None)
    assert (found["standing"], found["signer"]) == ("running", fingerprint(floe))
    assert found["predicate_type"] == "https://floe.dev/promotion/prod/v1"
    assert found["anchor"].startswith("prod#1 sha256:")
    assert f"Promoted by entry {found['anchor']} to prod, which it runs" in shown.out


def test_replaced_version_is_still_promoted(floe: Floe) -> None:
    floe.promote("v1.0.1", "prod")

    ended = verify(floe, "v1.0.0")

    assert (ended.code, ended.document["promotion"]["standing"]) == (0, "replaced")


def test_version_that_was_rolled_back_is_exit_11(floe: Floe) -> None:
    floe.promote("v1.0.1", "prod")
    floe.run("platform", "rollback", "v1.0.0", "--env", "prod", "--reason", "INC-1")

    left, returned = verify(floe, "v1.0.1"), verify(floe, "v1.0.0")

    found = left.document["promotion"]
    assert (left.code, left.document["error"]["reason_code"]) == (11, "rolled_back")
    assert (found["standing"], found["signer"] is None) == ("rolled_back", False)
    assert found["rolled_back_by"].startswith("prod#3 sha256:")
    assert (returned.code, returned.document["promotion"]["standing"]) == (0, "running")


def test_version_that_was_only_tagged_is_exit_11(floe: Floe) -> None:
    registry = LayoutRegistry(floe.folder / "registry")
    built = registry.fetch(Tag("v1.0.1-dev"))
    assert built is not None
    registry.put(built, Tag("v1.0.1-prod"))

    ended = verify(floe, "v1.0.1")

    assert (ended.code, ended.document["promotion"]["standing"]) == (11, "never_promoted")
    assert ended.document["error"]["type"] == "VersionNotPromotedError"


def test_promotion_by_a_stranger_is_refused(floe: Floe) -> None:
    with stranger(floe) as engine:
        assert promote(engine, "v1.0.1", "prod").error is None

    ended = verify(floe, "v1.0.1")

    [examined] = ended.document["promotion"]["examined"]
    assert (ended.code, ended.document["promotion"]["standing"]) == (11, "never_promoted")
    assert examined["refused"] == "no trusted key signed it"


def test_valid_attestation_that_the_ledger_does_not_contain_is_void(floe: Floe) -> None:
    """The key of the stranger is given, by which cosign would accept the statement."""
    with stranger(floe) as engine:
        assert promote(engine, "v1.0.1", "prod").error is None
    public = load_der(OTHER.public_key())
    assert public is not None
    (floe.folder / "other.pub").write_text(public.pem)
    fresh = verify(floe, "v1.0.1", "--key", "other.pub")
    floe.promote("v1.0.2", "prod")

    skipped = verify(floe, "v1.0.1", "--key", "other.pub")

    for ended in (fresh, skipped):
        assert (ended.code, ended.document["promotion"]["standing"]) == (6, "void")
        assert "the ledger does not contain it" in ended.document["error"]["message"]


def test_attestation_that_lost_its_number_to_another_entry_is_void(floe: Floe) -> None:
    """The same key signed prod#1 twice, as two writers at the same time can."""
    shutil.copytree(floe.folder / "registry", floe.folder / "other")
    index = floe.folder / "other/index.json"
    document = json.loads(index.read_text())
    document["manifests"] = [e for e in document["manifests"] if "artifactType" not in e]
    index.write_text(json.dumps(document))
    (floe.folder / "second").mkdir()
    manifest = MANIFEST.replace("./registry", "../other").replace("floe.key", "../floe.key")
    (floe.folder / "second/manifest.yaml").write_text(manifest)
    assert Floe(floe.folder / "second").promote("v1.0.1", "prod").code == 0
    other, registry = (LayoutRegistry(floe.folder / each) for each in ("other", "registry"))
    lost, built = other.fetch(Tag("floe-ledger.prod.1")), registry.fetch(Tag("v1.0.1-dev"))
    assert lost is not None
    assert built is not None
    registry.put(lost)
    registry.put(built, Tag("v1.0.1-prod"))
    registry.open_upload().finish(other.blob((lost.view.layers or ())[0].digest, 100_000))

    ended = verify(floe, "v1.0.1")

    assert (ended.code, ended.document["promotion"]["standing"]) == (6, "void")


def test_other_key_does_not_verify_the_promotion(floe: Floe) -> None:
    floe.run("keys", "generate", "--out", "other.key")

    ended = verify(floe, "v1.0.0", "--key", "other.key.pub")

    assert (ended.code, ended.document["promotion"]["standing"]) == (6, "running")
    assert "admission controllers refuse it" in ended.document["error"]["message"]


def test_promotion_from_before_the_ledger_was_signed_has_no_attestation(floe: Floe) -> None:
    manifest = floe.folder / "manifest.yaml"
    manifest.write_text(MANIFEST.partition("ledger:")[0])
    promoted = floe.promote("v1.0.1", "prod")
    anchor = promoted.document["anchor"].replace(" ", "=")
    manifest.write_text(f'{MANIFEST}  adopted: ["{anchor}"]\n')

    ended = verify(floe, "v1.0.1")

    assert (ended.code, ended.document["promotion"]["standing"]) == (6, "running")
    assert ended.document["promotion"]["examined"] == []


def test_key_needs_an_environment(floe: Floe) -> None:
    ended = floe.run("artifact", "verify", "v1.0.0", "--key", "floe.key.pub")

    assert ended.code == 2
    assert "--key needs --env ENV" in ended.err


def test_unsigned_ledger_says_that_the_promotion_was_not_judged(floe: Floe) -> None:
    unsigned = MANIFEST.partition("ledger:")[0]
    verification = 'uri: "oci-layout:./registry", verification: {public_keys: [floe.key.pub]}'
    unsigned = unsigned.replace('uri: "oci-layout:./registry"', verification)
    (floe.folder / "manifest.yaml").write_text(unsigned)

    shown = floe.run("artifact", "verify", "v1.0.0", "--env", "prod")

    assert shown.code == 6
    assert "The promotion to prod was not judged: no key is trusted" in shown.out


def test_keys_that_a_rotation_names_verify_promotions(floe: Floe) -> None:
    floe.run("keys", "generate", "--out", "new.key")
    rotation = ("--add", "new.key.pub", "--retire", "floe.key.pub")
    assert floe.run("keys", "rotate", *rotation).code == 0
    (floe.folder / "manifest.yaml").write_text(MANIFEST.replace("file:floe.key", "file:new.key"))
    assert floe.promote("v1.0.1", "prod").code == 0
    signing = 'ledger:\n  signing: {key: "file:floe.key"}\n'
    (floe.folder / "manifest.yaml").write_text(MANIFEST.replace(signing, "ledger:\n"))

    found = [verify(floe, version).document["promotion"] for version in ("v1.0.0", "v1.0.1")]

    ids = [show_key(floe.folder / f"{name}.key.pub").fingerprint for name in ("floe", "new")]
    assert [each["standing"] for each in found] == ["replaced", "running"]
    assert [each["signer"] for each in found] == ids
