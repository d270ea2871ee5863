"""The tables of docs/requirements.md about the original plan name things that exist."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from cli.main import floe
from engine.config.models import config_schema
from tests.docs.pages import ROOT
from tests.docs.test_pages import parse_command_line

PAGE = (ROOT / "docs/requirements.md").read_text()
SCHEMA: Any = config_schema()
_QUOTED = re.compile(r"`([^`]+)`")


def table(title: str) -> list[list[str]]:
    """Return the cells of each row below `title`."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


STORIES, WORDS = table("User stories"), table("Words of the original plan")
HERE = [name for row in WORDS for name in _QUOTED.findall(row[1])]
DIFFERENCES = [name for row in WORDS for name in _QUOTED.findall(row[2])]
NAMES = [name for name in HERE + DIFFERENCES if name.startswith(("engine.", "cli."))]
KEYS = [name for name in HERE + DIFFERENCES if name.startswith(("artifacts.", "identity."))]
COMMANDS = [
    line
    for cell in [row[1] for row in WORDS] + [row[3] for row in STORIES]
    for line in _QUOTED.findall(cell)
    if line.startswith("floe ")
]


def test_every_story_has_a_row() -> None:
    assert [row[0] for row in STORIES] == [f"US{number}" for number in range(1, 13)]


def test_every_place_is_a_name_a_key_or_a_command() -> None:
    assert len(WORDS) > 30
    assert set(HERE) <= {*NAMES, *KEYS, *COMMANDS}


@pytest.mark.parametrize("row", STORIES, ids=lambda row: row[0])
def test_of_a_story_types_its_command(row: list[str]) -> None:
    path, _, name = row[4].strip("`").partition("::")
    module = ast.parse((ROOT / path).read_text())
    constants = {
        node.targets[0].id: node.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }

    [test] = [n for n in module.body if isinstance(n, ast.FunctionDef) and n.name == name]

    used = [
        constants[n.id] for n in ast.walk(test) if isinstance(n, ast.Name) and n.id in constants
    ]
    typed = {n.value for n in [*ast.walk(test), *used] if isinstance(n, ast.Constant)}
    assert name.startswith(f"test_{row[0].lower()}_")
    assert set(_QUOTED.findall(row[2])) <= typed


@pytest.mark.parametrize("line", sorted(set(COMMANDS)))
def test_every_other_command_parses(line: str) -> None:
    parse_command_line(floe, shlex.split(line)[1:])


@pytest.mark.parametrize("name", sorted(set(NAMES)))
def test_every_name_can_be_imported(name: str) -> None:
    found: Any = None
    for part in name.split("."):
        found = importlib.import_module(part) if found is None else below(found, part)


def below(found: Any, name: str) -> Any:
    if isinstance(found, ModuleType) and not hasattr(found, name):
        return importlib.import_module(f"{found.__name__}.{name}")
    if isinstance(found, type) and issubclass(found, BaseModel) and name in found.model_fields:
        return found.model_fields[name]
    return getattr(found, name)


@pytest.mark.parametrize("path", sorted(set(KEYS)))
def test_every_key_exists_in_the_manifest(path: str) -> None:
    found = [SCHEMA]
    for key in path.split("."):
        found = [
            variant["properties"][key]
            for schema in found
            for variant in variants(schema)
            if key in variant.get("properties", {})
        ]
        assert found, f"{key} of {path}"


def variants(schema: Any) -> Iterator[Any]:
    """Return the possible sections of `schema`, also as items of a list."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    yield schema
    items = [schema["items"]] if "items" in schema else []
    for each in [*items, *schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        yield from variants(each)
