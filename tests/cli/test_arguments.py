"""Arguments that stand for options, and short names of options."""

import json
from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    for version in ("v1.0.0", "v1.1.0"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
    return Floe.on("oci-layout:./registry", tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("staging", "INC-1"),
        ("staging", "--reason", "INC-1"),
        ("--env", "staging", "INC-1"),
        ("--reason", "INC-1", "staging"),
        ("--env", "staging", "--reason", "INC-1"),
    ],
)
def test_arguments_stand_for_the_options_that_are_left_out(
    floe: Floe, arguments: tuple[str, ...]
) -> None:
    done = floe.run("lock", *arguments, "-o", "json").document

    assert (done["outcome"], done["environment"], done["reason"]) == ("locked", "staging", "INC-1")


def test_an_incident_in_short_forms(floe: Floe) -> None:
    for version in ("v1.0.0", "v1.1.0"):
        assert floe.run("promote", version, "staging").code == 0

    locked = floe.run("lock", "staging", "INC-1")
    back = floe.run("rollback", "v1.0.0", "staging", "INC-1")
    unlocked = floe.run("unlock", "staging", "over")
    [staging] = floe.run("status", "staging", "-o", "json").document
    newest = floe.run("history", "staging", "--limit", "1", "-o", "jsonl")

    assert [each.code for each in (locked, back, unlocked)] == [0, 0, 0], back.err
    assert (staging["version"], staging["locked"]) == ("v1.0.0", False)
    assert json.loads(newest.out)["kind"] == "unlock"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lock", "staging", "INC-1", "more"), "Got unexpected extra argument (more)"),
        (("lock", "staging", "--env", "prod", "--reason", "x"), "extra argument (staging)"),
        (("lock",), "Missing option '--env': floe lock ENV REASON"),
        (("rollback", "staging"), "Missing option '--env': floe rollback VERSION ENV REASON"),
        (("lock", "staging"), "floe lock --env staging --reason 'why'"),
        (("promote", "v1.0.0"), "Missing option '--to'"),
        (("lock", "staging", "\udcff"), "not valid UTF-8"),
        (("reject", "c-1"), "floe reject c-1 --reason 'why'"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(
    floe: Floe, arguments: tuple[str, ...], said: str
) -> None:
    done = floe.run(*arguments, "-o", "json")

    assert done.code == 2
    assert said in done.document["error"]["message"]


def test_terminal_prompts_for_a_reason_without_the_argument(floe: Floe) -> None:
    done = floe.run_at_terminal("INC-2\n", "lock", "staging")

    assert done.code == 0
    assert "  Reason: INC-2\n" in done.out
