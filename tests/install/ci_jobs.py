"""Runs the GitHub action and the GitLab component as their runners do: with bash and variables."""

import hashlib
import os
import re
import subprocess
import sys
import zipapp
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CI = ROOT / "deploy" / "ci"
ACTION = CI / "action.yml"
TEMPLATE = CI / "templates" / "promote.yml"
_STARTS = """
import sys
from pathlib import Path
Path(sys.argv[0]).exists() and Path("started").touch()
sys.path.insert(0, {root!r})
from cli.main import main
main()
"""


@dataclass(frozen=True)
class Job:
    """The bash script of a job, with its variables."""

    script: str
    variables: dict[str, str]

    def run(self, folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run it in `folder`, where `.runner` is for temporary files."""
        (folder / ".runner").mkdir(exist_ok=True)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RUNNER_TEMP": str(folder / ".runner"),
            **self.variables,
            **more,
            "FLOE_PYTHON": sys.executable,
        }
        command = ["bash", "-c", self.script]
        return subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=200
        )


def github(**inputs: str) -> Job:
    """The step of the action with `inputs`, which GitHub puts into its expressions."""
    action = yaml.safe_load(ACTION.read_text())
    [step] = action["runs"]["steps"]
    given = _inputs(action["inputs"], inputs)
    environ = {name: _filled(text, given) for name, text in step["env"].items()}
    return Job(step["run"], {**environ, "GITHUB_ACTION_PATH": str(CI), "GITHUB_ACTIONS": "true"})


def gitlab(**inputs: str) -> Job:
    """The job of the component with `inputs`, which GitLab puts into every text of it."""
    header, template = yaml.safe_load_all(TEMPLATE.read_text())
    given = _inputs(header["spec"]["inputs"], inputs)
    [job] = template.values()
    [script] = job["script"]
    variables = {
        name: _filled(value["value"] if isinstance(value, dict) else value, given)
        for name, value in job["variables"].items()
    }
    return Job(_filled(script, given), variables)


def stand_in(folder: Path) -> dict[str, str]:
    """
    Write a small floe.pyz that runs this checkout; return the inputs that name it.

    It leaves the file `started` in its working directory.
    """
    source = folder / "pyz"
    source.mkdir()
    (source / "__main__.py").write_text(_STARTS.format(root=str(ROOT)))
    pyz = folder / "floe.pyz"
    zipapp.create_archive(source, pyz)
    return {"pyz": str(pyz), "sha256": hashlib.sha256(pyz.read_bytes()).hexdigest()}


def _inputs(declared: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in given.items()}
    assert named.keys() <= declared.keys()
    return {name: named.get(name, each.get("default", "")) for name, each in declared.items()}


def _filled(text: str, inputs: dict[str, str]) -> str:
    """Replace the expressions of GitHub and of GitLab in `text`."""
    expression = r"\$\{\{ inputs\.([a-z0-9-]+) \}\}|\$\[\[ inputs\.([a-z0-9-]+) \]\]"
    return re.sub(expression, lambda found: inputs[found[1] or found[2]], text)
