"""A missing reason is prompted for on a terminal, and explained otherwise."""

from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import UNGATED, Floe

COMMANDS = [
    ("rollback", "v1.0.0", "--env", "staging"),
    ("lock", "--env", "staging"),
    ("unlock", "--env", "staging"),
    ("reject", "c-1a2b3c4d"),
]


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    floe = Floe.on("oci-layout:./registry", tmp_path, UNGATED)
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    return floe


@pytest.mark.parametrize("command", COMMANDS)
def test_missing_reason_is_explained_with_the_whole_command(
    floe: Floe, command: tuple[str, ...]
) -> None:
    ended = floe.run("platform", *command)
    as_json = floe.run("platform", *command, "--output", "json")

    whole = f"floe platform {' '.join(command)} --reason 'why'"
    assert (ended.code, as_json.code) == (2, 2)
    assert "Missing option '--reason'" in ended.err
    assert whole in " ".join(ended.err.split())
    assert whole in as_json.document["error"]["message"]


def test_missing_reason_is_prompted_for_on_a_terminal(floe: Floe) -> None:
    floe.promote("v1.0.0", "staging")

    locked = floe.run_at_terminal(
        "INC-7: checkout\n", "platform", "lock", "--env", "staging", "--output", "json"
    )
    held = floe.run("platform", "status", "--env", "staging", "--output", "json").document

    assert locked.code == 0, locked.err
    assert "Reason: " in locked.err
    assert locked.document["outcome"] == "locked"
    assert held[0]["lock"]["reason"] == "INC-7: checkout"


def test_rollback_prompts_for_its_reason_on_a_terminal(floe: Floe) -> None:
    oci_layout.write(floe.folder / "registry", image(b"two"), "v1.1.0-dev")
    for version in ("v1.0.0", "v1.1.0"):
        assert floe.promote(version, "staging").code == 0

    ended = floe.run_at_terminal("INC-8\n", "platform", "rollback", "v1.0.0", "--env", "staging")

    history = floe.run("platform", "audit", "history", "--limit", "1", "--output", "json")
    assert ended.code == 0, ended.err
    assert history.document["records"][0]["reason"] == "INC-8"
