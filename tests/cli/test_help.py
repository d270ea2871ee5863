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
