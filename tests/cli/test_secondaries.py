"""Secondary registries on the command line: configuration and output."""

from pathlib import Path

import pytest

from demo.issuer import issuer
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from tests.builders import image
from tests.peers import oci_layout, skopeo
from tests.peers.docker_registry import PASSWORD, USER, docker_registry
from tests.peers.loopback import free_port
from tests.scenarios.commands import Floe
from tests.secondaries.mirrors import signature_tag

V1 = image(b"one")
PROMOTION = "{environments: [{name: dev}, {name: staging}], secondary_registries: [%s]}"
DISK = "{uri: 'oci-layout:./disk'}"
LATEST = Tag("latest-staging")


def platform(folder: Path, *secondaries: str, **environ: str) -> Floe:
    oci_layout.write(folder / "registry", V1, "v1.0.0-dev")
    promotion = PROMOTION % ", ".join(secondaries)
    return Floe.on("oci-layout:./registry", folder, promotion, **environ)


@pytest.mark.requirement("FR-028")
def test_promotion_shows_the_result_of_every_registry(tmp_path: Path):
    floe = platform(tmp_path, DISK)

    ended = floe.promote("v1.0.0", "staging")

    assert ended.code == 0
    assert ended.document["registry_sync"] == [
        {
            "registry": str(tmp_path / "disk"),
            "status": "synced",
            "digest": str(V1.manifest.digest),
            "error": None,
        }
    ]
    assert ended.document["warnings"] == []
    assert LayoutRegistry(tmp_path / "disk").resolve(LATEST) == V1.manifest.digest


@pytest.mark.requirement("FR-030")
def test_unreachable_secondary_is_a_warning_in_every_output(tmp_path: Path):
    port = free_port()
    floe = platform(tmp_path, DISK, f"{{uri: 'oci://127.0.0.1:{port}/acme/mirror'}}")

    ended = floe.run("platform", "promote", "v1.0.0", "--to", "staging")

    assert ended.code == 0
    assert "Promoted v1.0.0 from dev to staging" in ended.out
    assert f"Registry {tmp_path / 'disk'}: synced" in ended.out
    assert f"Registry 127.0.0.1:{port}/acme/mirror: failed" in ended.out
    assert ended.err.count(f"WARNING: the secondary registry 127.0.0.1:{port}/acme/mirror") == 1
    assert "artifacts.promotion.secondary_registries[1].uri" in ended.err
    assert "WARNING" not in ended.out


def test_warnings_are_on_stderr_and_in_the_json_document(tmp_path: Path):
    port = free_port()
    floe = platform(tmp_path, f"{{uri: 'oci://127.0.0.1:{port}/acme/mirror'}}")

    ended = floe.promote("v1.0.0", "staging")

    [warning] = ended.document["warnings"]
    assert ended.err.count(f"WARNING: {warning}") == 1


@pytest.mark.requirement("FR-028")
def test_secondary_is_used_with_its_own_credentials(tmp_path: Path):
    (tmp_path / "other").mkdir()
    with docker_registry(tmp_path / "other", htpasswd=True) as other:
        auth = f"{{type: basic, username: {USER}, password_env: MIRROR_PASSWORD}}"
        secondary = f"{{uri: 'oci://{other.host}/acme/mirror', auth: {auth}}}"
        floe = platform(tmp_path, secondary, MIRROR_PASSWORD=PASSWORD)

        ended = floe.promote("v1.0.0", "staging")

    assert [each["status"] for each in ended.document["registry_sync"]] == ["synced"]


@pytest.mark.requirement("FR-030")
def test_wrong_credentials_are_a_warning_that_names_their_source(tmp_path: Path):
    (tmp_path / "other").mkdir()
    with docker_registry(tmp_path / "other", htpasswd=True) as other:
        auth = f"{{type: basic, username: {USER}, password_env: MIRROR_PASSWORD}}"
        secondary = f"{{uri: 'oci://{other.host}/acme/mirror', auth: {auth}}}"
        floe = platform(tmp_path, secondary, MIRROR_PASSWORD="wrong")

        ended = floe.promote("v1.0.0", "staging")

    assert ended.code == 0
    [sync] = ended.document["registry_sync"]
    assert sync["status"] == "failed"
    assert "artifacts.promotion.secondary_registries[0].auth" in sync["error"]
    assert "wrong" not in ended.out


def test_rollback_shows_the_result_of_every_registry(tmp_path: Path):
    floe = platform(tmp_path, DISK)
    oci_layout.write(tmp_path / "registry", image(b"two"), "v2.0.0-dev")
    for version in ("v1.0.0", "v2.0.0"):
        floe.promote(version, "staging")

    command = ("platform", "rollback", "v1.0.0", "--env", "staging", "--reason", "INC-1")
    ended = floe.run(*command, "--output", "json")

    assert [each["status"] for each in ended.document["registry_sync"]] == ["synced"]
    assert LayoutRegistry(tmp_path / "disk").resolve(LATEST) == V1.manifest.digest


def test_approved_change_reaches_the_secondaries(tmp_path: Path):
    oci_layout.write(tmp_path / "registry", V1, "v1.0.0-dev")
    with issuer() as people:
        approved = "{name: staging, approvals: {required: 1}}"
        secondaries = f"[{DISK}, {{uri: 'oci-layout:./usb/disk'}}]"
        promotion = (
            f"{{environments: [{{name: dev}}, {approved}], secondary_registries: {secondaries}}}"
        )
        alice = Floe.on("oci-layout:./registry", tmp_path, promotion)
        manifest = tmp_path / "manifest.yaml"
        oidc = f'identity: {{oidc: [{{issuer: "{people.url}", audience: floe}}]}}\n'
        manifest.write_text(manifest.read_text() + oidc)
        alice.environ["FLOE_ID_TOKEN"] = people.token("alice@acme.com")
        change = alice.promote("v1.0.0", "staging").document["change_id"]
        assert not (tmp_path / "disk").exists()

        bob = Floe(tmp_path, {"FLOE_ID_TOKEN": people.token("bob@acme.com")})
        ended = bob.run("platform", "approve", change)

        shown = bob.run("platform", "approve", change, "--output", "json")

    assert ended.code == 0
    assert f"Registry {tmp_path / 'disk'}: synced" in ended.out
    assert f"WARNING: the secondary registry {tmp_path / 'usb' / 'disk'}" in ended.err
    assert LayoutRegistry(tmp_path / "disk").resolve(LATEST) == V1.manifest.digest
    assert shown.code == 15


def test_sync_repairs_and_status_confirms_it(tmp_path: Path):
    # The disk is not mounted yet.
    floe = platform(tmp_path, "{uri: 'oci-layout:./usb/disk'}")
    floe.promote("v1.0.0", "staging")
    before = floe.run("platform", "status", "--env", "staging", "--output", "json")
    (tmp_path / "usb").mkdir()

    ended = floe.run("platform", "sync", "--output", "json")

    after = floe.run("platform", "status", "--env", "staging", "--output", "json")
    assert [each["status"] for each in before.document[0]["registry_sync"]] == ["failed"]
    assert "mount its disk" in before.document[0]["registry_sync"][0]["error"]
    assert ended.code == 0
    rows = {row["environment"]: row["status"] for row in ended.document["registries"]}
    assert rows == {"dev": "in_sync", "staging": "repaired"}
    assert [each["status"] for each in after.document[0]["registry_sync"]] == ["synced"]
    assert LayoutRegistry(tmp_path / "usb" / "disk").resolve(LATEST) == V1.manifest.digest


def test_sync_prints_its_actions(tmp_path: Path):
    floe = platform(tmp_path, "{uri: 'oci-layout:./usb/disk'}")
    floe.promote("v1.0.0", "staging")
    (tmp_path / "usb").mkdir()

    first, second = floe.run("platform", "sync"), floe.run("platform", "sync")

    place = tmp_path / "usb" / "disk"
    assert f"{place}: staging: repaired v1.0.0-staging" in first.out
    assert f"{place}: staging: in sync" in second.out
    assert "Trace ID: " in second.out


def test_sync_of_an_unreachable_registry_is_exit_5(tmp_path: Path):
    port = free_port()
    floe = platform(tmp_path, DISK, f"{{uri: 'oci://127.0.0.1:{port}/acme/mirror'}}")
    floe.promote("v1.0.0", "staging")

    ended = floe.run("platform", "sync", "--output", "json")

    assert ended.code == 5
    assert ended.document["success"] is False
    assert ended.document["error"]["reason_code"] == "registry_unavailable"
    assert f"127.0.0.1:{port}" in ended.document["error"]["message"]


def test_sync_with_a_conflicting_tag_is_exit_10(tmp_path: Path):
    floe = platform(tmp_path, DISK)
    oci_layout.write(tmp_path / "disk", image(b"theirs"), "v1.0.0-staging")
    floe.promote("v1.0.0", "staging")

    ended = floe.run("platform", "sync")

    assert ended.code == 10
    assert "FAILED: tag 'v1.0.0-staging'" in ended.out


def test_sync_without_secondaries_says_so(tmp_path: Path):
    floe = platform(tmp_path)

    ended = floe.run("platform", "sync")

    assert ended.code == 0
    assert "No secondary registries are configured" in ended.out


def test_sync_of_an_unknown_environment_is_exit_2(tmp_path: Path):
    ended = platform(tmp_path, DISK).run("platform", "sync", "--env", "stagin", "--output", "json")

    assert ended.code == 2
    assert ended.document["error"]["reason_code"] == "usage"


@pytest.mark.requirement("FR-028")
def test_disk_carries_everything_over_an_air_gap(tmp_path: Path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside, outside / "far"):
        folder.mkdir()
    disk = f"oci-layout:{tmp_path / 'disk'}"
    oci_layout.write(inside / "registry", V1, "v1.0.0-dev")
    oci_layout.write(inside / "registry", image(b"signed"), signature_tag(V1))
    floe = Floe.on("oci-layout:./registry", inside, PROMOTION % f"{{uri: '{disk}'}}")
    floe.promote("v1.0.0", "staging")

    with docker_registry(outside / "far") as far:
        secondary = f"{{uri: 'oci://{far.host}/acme/platform'}}"
        ended = Floe.on(disk, outside, PROMOTION % secondary).run("platform", "sync")

        assert ended.code == 0
        there = skopeo.inspect(far.host, "acme/platform", "latest-staging")
        assert there["Digest"] == str(V1.manifest.digest)
        assert signature_tag(V1) in there["RepoTags"]
        audit = Floe.on(f"oci://{far.host}/acme/platform", outside, PROMOTION % "")
        assert audit.run("platform", "audit", "verify", "--env", "staging").code == 0
