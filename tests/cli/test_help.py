"""Help output for people who type only `floe` or a group."""

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.scenarios.commands import Floe


@pytest.mark.parametrize("group", [(), ("platform",), ("platform", "audit"), ("artifact",)])
def test_group_without_a_command_lists_its_commands(tmp_path: Path, group: tuple[str, ...]) -> None:
    floe = Floe(tmp_path)

    alone = floe.run(*group)

    assert (alone.code, alone.out) == (2, "")
    assert alone.err == floe.run(*group, "--help").out


@pytest.mark.parametrize("group", [(), ("platform",)])
def test_help_lines_are_not_truncated(tmp_path: Path, group: tuple[str, ...]) -> None:
    shown = Floe(tmp_path).run(*group, "--help")

    assert "..." not in shown.out.partition("Commands:")[2]


def test_version_is_printed(tmp_path: Path) -> None:
    shown = Floe(tmp_path).run("--version")

    assert (shown.code, shown.out) == (0, f"floe {version('floe')}\n")


SHORT_FORMS = (
    *("promote", "rollback", "release", "lock", "unlock", "status", "versions"),
    *("diff", "changes", "open", "approve", "reject", "cancel"),
    *("history", "audit"),
)


@pytest.mark.parametrize("command", [(), ("platform",), ("platform", "changes", "show"), ("lock",)])
def test_h_is_help(tmp_path: Path, command: tuple[str, ...]) -> None:
    floe = Floe(tmp_path)

    assert floe.run(*command, "-h") == floe.run(*command, "--help")


def test_v_is_version(tmp_path: Path) -> None:
    floe = Floe(tmp_path)

    assert floe.run("-V") == floe.run("--version")


@pytest.mark.parametrize("name", SHORT_FORMS)
def test_short_form_is_the_command_of_the_platform(tmp_path: Path, name: str) -> None:
    floe = Floe(tmp_path)
    group = ("platform", "audit") if name == "history" else ("platform",)

    short, full = floe.run(name, "--help"), floe.run(*group, name, "--help")

    assert (short.code, full.code) == (0, 0)
    assert body(short.out) == body(full.out)


def test_short_forms_are_listed_in_a_group_of_their_own(tmp_path: Path) -> None:
    shown = Floe(tmp_path).run("--help").out

    commands, _, listed = shown.partition("Short forms of `floe platform …`:\n")
    names = [line.split()[0] for line in listed.partition("\n\n")[0].splitlines()]
    assert names == [*SHORT_FORMS]
    assert "  platform " in commands
    assert "  promote " not in commands


def body(shown: str) -> str:
    """Everything below the usage, which names the command."""
    return shown.partition("\n\n")[2]
