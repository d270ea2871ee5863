"""What somebody sees who types `floe` and does not know how it goes on."""

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.scenarios.commands import Floe


@pytest.mark.parametrize("group", [(), ("platform",), ("platform", "audit"), ("artifact",)])
def test_a_group_alone_shows_what_is_in_it(tmp_path: Path, group: tuple[str, ...]) -> None:
    floe = Floe(tmp_path)

    alone = floe.run(*group)

    assert (alone.code, alone.out) == (2, "")
    assert alone.err == floe.run(*group, "--help").out


@pytest.mark.parametrize("group", [(), ("platform",)])
def test_each_line_of_help_is_whole(tmp_path: Path, group: tuple[str, ...]) -> None:
    shown = Floe(tmp_path).run(*group, "--help")

    assert "..." not in shown.out.partition("Commands:")[2]


def test_the_version_is_said(tmp_path: Path) -> None:
    shown = Floe(tmp_path).run("--version")

    assert (shown.code, shown.out) == (0, f"floe {version('floe')}\n")
