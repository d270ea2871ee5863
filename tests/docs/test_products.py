"""The files of the page about many products are those that it says they are."""

import re
from pathlib import Path

import pytest

from engine.config import load_config, load_installation
from tests.docs.products import PAGE, documented_files, expected_check
from tests.peers.signing import SigningKey
from tests.scenarios.commands import Floe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in documented_files().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/release.pub").write_bytes(SigningKey.new().pem())
    return tmp_path


def test_first_product_has_the_rules_of_the_manifest_before(folder: Path) -> None:
    before = load_config(folder / "manifest.yaml", {})
    after = load_installation(folder / "floe.yaml", {}).products["checkout"]

    assert after.path == before.path
    assert after.registry == before.registry
    assert after.slack.channel == before.slack.channel


def test_second_product_has_the_documented_path(folder: Path) -> None:
    installation = load_installation(folder / "floe.yaml", {})

    config = installation.products["search"]
    assert not installation.broken
    assert [each.name for each in config.path.environments] == ["dev", "staging", "canary", "prod"]
    assert config.path.environment("prod").approvals.required == 2
    assert config.slack.channels == ("C02SEARCH",)


def test_check_prints_the_documented_mistake(folder: Path) -> None:
    search = folder / "products/search.yaml"
    search.write_text(
        search.read_text().replace("{required: 2}", "{required: 2, groups: [searchers]}")
    )

    said = Floe(folder).run("manifest", "check", "floe.yaml")

    assert said.code == 2
    for line in expected_check():
        assert line in said.err.splitlines()


def test_documented_exceptions_name_settings(folder: Path) -> None:
    server = folder / "floe.yaml"
    named = re.findall(r"`\[([\w.]+)\]`", PAGE.read_text())
    text = server.read_text()
    server.write_text(
        text.replace("defaults:\n", f"defaults:\n  may_override: [{', '.join(named)}]\n")
    )

    assert len(named) == 2
    assert load_installation(server, {}).products
