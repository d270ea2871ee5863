"""The generated reference pages match the code."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.lazy_group import LazyGroup
from cli.main import floe
from docs.reference.__main__ import FOLDER, PAGES
from engine.config.models import config_schema


@pytest.mark.parametrize("name", PAGES)
def test_reference_page_is_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "behind the code: make reference"


def test_every_manifest_key_has_a_description() -> None:
    definitions = config_schema()["$defs"]

    silent = [
        f"{section}.{key}"
        for section, schema in definitions.items()
        for key, value in schema.get("properties", {}).items()
        if "description" not in value and "const" not in value
    ]
    assert silent == []


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    short_forms = command.short_forms if isinstance(command, LazyGroup) else {}
    for name in command.list_commands(context):
        if name in short_forms:
            continue
        below = command.get_command(context, name)
        assert below is not None
        yield from commands(below, (*path, name))


@pytest.mark.parametrize("path", list(commands(floe)), ids=" ".join)
def test_help_text_is_in_the_reference(path: tuple[str, ...]) -> None:
    installed = Path(sys.executable).with_name("floe")

    ran = subprocess.run([installed, *path, "--help"], capture_output=True, text=True)

    assert ran.returncode == 0
    section = (FOLDER / "cli.md").read_text().partition(f"## floe {' '.join(path)}\n")[2]
    section = " ".join(section.partition("\n## ")[0].split())
    usage, _, options = ran.stdout.partition("Options:")
    assert " ".join(usage.removeprefix("Usage:").split("\n\n")[0].split()) in section
    for line in options.splitlines():
        word = line.strip().split("  ")[0]
        if word.startswith("-") and word != "-h, --help":
            assert word.replace("|", "\\|") in section
