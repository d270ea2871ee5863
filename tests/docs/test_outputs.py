"""The JSON of the commands matches its schema exactly, also for failures."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from cli.main import floe
from demo.seed import seed
from docs.reference.outputs import ANSWERS, outputs_schema
from tests.docs.pages import ROOT
from tests.docs.test_reference import commands

# In this order on one platform, with the expected exit codes.
COMMANDS = (
    ("promote", "promote v1.2.2 --to staging --dry-run", 0),
    ("promote", "promote v1.2.2 --to staging", 0),
    ("promote", "promote v1.2.2 --to prod", 0),
    ("promote", "promote v1.2.2 --to prod", 0),
    ("promote", "promote v9.9.9 --to staging", 3),
    ("promote", "promote v1.2.3 --to prod", 3),
    ("promote", "promote nonsense! --to staging", 2),
    ("lock", "lock --env prod --reason why --for 2h", 0),
    ("lock", "lock --env prod --reason why", 13),
    ("lock", "lock --env nowhere --reason why", 2),
    ("promote", "promote v1.2.3 --to staging", 0),
    ("promote", "promote v1.2.3 --to prod", 13),
    ("unlock", "unlock --env prod --reason why", 0),
    ("unlock", "unlock --env prod --reason why", 0),
    ("unlock", "unlock --env nowhere --reason why", 2),
    ("promote", "promote v1.2.3 --to prod", 0),
    ("rollback", "rollback v1.2.2 --env prod --reason why --dry-run", 0),
    ("rollback", "rollback v1.2.2 --env prod --reason why", 0),
    ("rollback", "rollback v1.2.2 --env prod --reason why", 0),
    ("rollback", "rollback v1.2.4 --env prod --reason why", 11),
    ("status", "status", 0),
    ("status", "status --history 5", 0),
    ("status", "status --env nowhere", 2),
    ("audit verify", "audit verify", 0),
    ("audit verify", "audit verify --env nowhere", 2),
    ("audit history", "audit history", 0),
    ("audit history", "audit history --since nonsense", 2),
    ("audit repair", "audit repair --env prod", 0),
    ("audit repair", "audit repair --env nowhere", 2),
    ("versions", "versions", 0),
    ("versions", "versions --env nowhere", 2),
    ("sync", "sync", 0),
    ("sync", "sync --env nowhere", 2),
    ("webhooks", "webhooks", 0),
    ("changes", "changes", 0),
    ("windows", "windows", 0),
    ("windows", "windows --env nowhere", 2),
    ("status --all", "status --all", 2),
    ("open", "open", 2),
    ("changes show", "changes show c-00000000", 2),
    ("changes show", "changes show c-00000000 --output-of tests", 2),
    ("approve", "approve c-00000000", 2),
    ("artifact verify", "artifact verify v1.2.3", 2),
    ("keys rotate", "keys rotate --retire sha256:9f86d081", 2),
    ("keys rotate", "keys rotate --add none.pub", 2),
)


def documented_commands() -> list[str]:
    """The commands with JSON, by their full names."""
    found = []
    for path in commands(floe):
        command: click.Command = floe
        for name in path:
            assert isinstance(command, click.Group)
            below = command.get_command(click.Context(command), name)
            assert below is not None
            command = below
        if any("--output" in each.opts for each in command.params):
            found.append(" ".join(path))
    return found


def test_every_command_with_json_is_documented() -> None:
    assert [name for name in documented_commands() if name not in ANSWERS] == []


@pytest.mark.parametrize("name", sorted({*documented_commands()} - {"platform status"}))
def test_every_document_has_one_envelope(name: str) -> None:
    for answer in ANSWERS[name]:
        assert answer.model_fields.keys() >= {"success", "trace_id", "error"}


@pytest.mark.requirement("FR-034")
@pytest.mark.timeout(300)
def test_every_answer_matches_its_schema(tmp_path: Path) -> None:
    shutil.copy(ROOT / "manifest.yaml", tmp_path)
    seed(tmp_path / "registry")
    installed = Path(sys.executable).with_name("floe")
    schema = closed(outputs_schema())

    for name, command, code in COMMANDS:
        group = [] if command.startswith(("artifact", "keys")) else ["platform"]
        typed = [installed, *group, *shlex.split(command), "--output", "json"]
        ran = subprocess.run(typed, cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == code, f"{command}\n{ran.stdout}{ran.stderr}"
        document = json.loads(ran.stdout)
        fits = jsonschema.Draft202012Validator(schema | {"$ref": f"#/$defs/{name}"})
        assert [f"{command}: {e.message}" for e in fits.iter_errors(document)] == []
        if code:
            assert document["error"]["exit_code"] == code


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` without room for fields that it does not name."""
    for definition in schema["$defs"].values():
        if "properties" in definition:
            definition.setdefault("additionalProperties", False)
    return schema
