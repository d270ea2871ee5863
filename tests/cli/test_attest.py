"""`floe platform attest`: the statements of runnable versions, by hand and after each change."""

from pathlib import Path

import pytest

from demo.seed import Layout
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from tests.cli.serving import serving
from tests.scenarios.changing import until
from tests.scenarios.commands import Floe

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion: {environments: [{name: dev}, {name: prod}]}
ledger:
  signing: {key: "file:floe.key"%s}
  trusted_keys: [floe.key.pub]
"""
CURRENT = ", current: {keep: 1}"


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    layout = Layout(tmp_path / "registry")
    for number in range(2):
        layout.publish(f"v1.0.{number}", {"release": number})
    floe = Floe(tmp_path)
    floe.run("keys", "generate")
    (tmp_path / "manifest.yaml").write_text(MANIFEST % CURRENT)
    return floe


def test_statement_names_the_versions_that_may_run(floe: Floe) -> None:
    promoted = [floe.promote("v1.0.0", "prod"), floe.promote("v1.0.1", "prod")]

    shown = floe.run("platform", "attest")
    [stated] = floe.run("platform", "attest", "--output", "json").document["statements"]

    audited = floe.run("platform", "audit", "verify")

    assert [each.code for each in (*promoted, audited)] == [0, 0, 0], (promoted, audited)
    assert (shown.code, shown.err) == (0, "")
    assert "Stated the runnable versions of prod" in shown.out
    assert stated["predicate_type"] == "https://floe.dev/current/prod/v1"
    assert stated["current"]["version"] == "v1.0.1"
    assert [each["version"] for each in stated["also"]] == ["v1.0.0"]
    assert stated["entry"].startswith("prod#2 sha256:")


def test_nothing_is_stated_before_the_first_promotion(floe: Floe) -> None:
    shown = floe.run("platform", "attest")

    assert (shown.code, "No current state was stated" in shown.out) == (0, True)


def test_statements_need_the_setting(floe: Floe) -> None:
    (floe.folder / "manifest.yaml").write_text(MANIFEST % "")
    floe.promote("v1.0.0", "prod")

    ended = floe.run("platform", "attest")

    assert ended.code == 2
    assert ended.err.startswith("Not stated: manifest.yaml configures no statements")


def test_artifact_that_is_lost_is_not_stated(floe: Floe) -> None:
    """The artifact is lost, and then restored."""
    floe.promote("v1.0.0", "prod")
    artifact = floe.promote("v1.0.1", "prod", "--output", "json").document["artifact_digest"]
    blob = floe.folder / "registry/blobs/sha256" / artifact.removeprefix("sha256:")
    kept = blob.read_bytes()
    blob.unlink()

    failed = floe.run("platform", "attest", "--env", "prod")
    blob.write_bytes(kept)
    issued = floe.run("platform", "attest", "--env", "prod")

    assert failed.code == 5
    assert failed.err.startswith("Not stated: ")
    assert issued.code == 0


def test_server_states_the_running_version(floe: Floe) -> None:
    (floe.folder / "manifest.yaml").write_text(MANIFEST % "")
    floe.promote("v1.0.0", "prod")
    (floe.folder / "manifest.yaml").write_text(MANIFEST % CURRENT)
    registry, tag = LayoutRegistry(floe.folder / "registry"), Tag("floe-current.prod")
    before = registry.resolve(tag)

    with serving(floe.folder):
        stated = until(lambda: registry.resolve(tag) is not None)

    assert (before, stated) == (None, True)


def test_server_is_not_bypassed(floe: Floe) -> None:
    floe.promote("v1.0.0", "prod")
    registry, tag = LayoutRegistry(floe.folder / "registry"), Tag("floe-current.prod")
    before = registry.resolve(tag)

    ended = Floe(floe.folder, {"FLOE_SERVER": "http://127.0.0.1:9"}).run("platform", "attest")

    assert ended.code == 2
    assert "FLOE_SERVER is set, but the server does not support this command" in ended.err
    assert registry.resolve(tag) == before
