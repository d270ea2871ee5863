"""The package of docs/plug-ins.md works: built as a wheel, installed, tested, and used."""

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders import image
from tests.docs.pages import ROOT, blocks
from tests.peers import oci_layout

PAGE = ROOT / "docs/plug-ins.md"
pytestmark = pytest.mark.timeout(1800)
OWNED = {"com.acme.owner": "payments"}
_PROMOTE = """
import json, sys
import floe

with floe.open_platform() as platform:
    try:
        done = platform.promote(sys.argv[1], "staging")
    except floe.PromotionError as refusal:
        print(json.dumps({"refusal": str(refusal), "exit_code": refusal.exit_code}))
    else:
        [record] = platform.history("staging", limit=1)
        print(json.dumps({"outcome": done.outcome, "record": record.document()}))
"""


@dataclass(frozen=True)
class Place:
    """An environment in which acme-floe is installed, and a folder for a manifest."""

    python: Path
    folder: Path

    def run(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [self.python, *arguments],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def promote(self, version: str) -> dict[str, Any]:
        ran = self.run("-c", _PROMOTE, version)
        assert ran.returncode == 0, ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout)
        return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of an empty environment that sees floe, and has the wheel of the page."""
    folder = tmp_path_factory.mktemp("acme")
    project, wheels, venv = folder / "project", folder / "wheels", folder / "venv"
    project.mkdir()
    (project / "pyproject.toml").write_text(documented("toml")[0])
    (project / "acme_floe.py").write_text(documented("python")[0])
    # The command of hatchling reads no network and makes no other environment.
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=project, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin/python"
    purelib = {"base": str(venv), "platbase": str(venv)}
    site = Path(sysconfig.get_path("purelib", vars=purelib))
    (site / "floe.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    [wheel] = wheels.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, wheel], check=True, capture_output=True)
    return python


@pytest.fixture
def place(installed: Path, tmp_path: Path) -> Place:
    """A registry with one version of an owner and one without; the board has listed both."""
    owned, ownerless = image(b"1", annotations=OWNED), image(b"2")
    oci_layout.write(tmp_path / "registry", owned, "v1.0.0-dev")
    oci_layout.write(tmp_path / "registry", ownerless, "v2.0.0-dev")
    (tmp_path / "board.txt").write_text("v1.0.0\nv2.0.0\n")
    manifest = yaml.safe_load(documented("yaml")[0])
    manifest["artifacts"]["registry"] = {"uri": "oci-layout:./registry"}
    whole = {"apiVersion": "floe.dev/v1", "kind": "Manifest", **manifest}
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(whole))
    return Place(installed, tmp_path)


def test_package_passes_its_contract_tests(place: Place) -> None:
    (place.folder / "test_acme.py").write_text(documented("python")[1])

    ran = place.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme.py")

    assert ran.returncode == 0, ran.stdout
    assert "9 passed" in ran.stdout


def test_record_names_the_package_and_its_version(place: Place) -> None:
    done = place.promote("v1.0.0")

    assert done["outcome"] == "promoted"
    results = {each["gate"]: each for each in done["record"]["gate_results"]}
    assert [*results] == ["policy_compliance", "acme-board", "acme-smoke"]
    assert results["policy_compliance"]["details"]["plugins"] == ["acme-floe 1.0.0"]
    assert results["acme-board"]["details"] == {"plugin": "acme-floe 1.0.0"}
    assert results["acme-smoke"]["details"]["plugin"] == "acme-floe 1.0.0"
    assert results["acme-smoke"]["details"]["exit_status"] == 0
    [event] = (place.folder / "journal.jsonl").read_text().splitlines()
    assert json.loads(event)["version"] == "v1.0.0"
    [copy] = (place.folder / "records.jsonl").read_text().splitlines()
    assert json.loads(copy)["promotion_id"] == json.loads(event)["promotion_id"]


def test_policy_and_gate_refuse(place: Place) -> None:
    ownerless = place.promote("v2.0.0")
    (place.folder / "board.txt").write_text("")
    unlisted = place.promote("v1.0.0")

    assert ownerless["exit_code"] == unlisted["exit_code"] == 8
    assert "acme-owner: has no com.acme.owner" in ownerless["refusal"]
    assert "acme-floe 1.0.0 refused: the board has not listed v1.0.0" in unlisted["refusal"]


def test_missing_package_blocks_commands_that_write_only(place: Place) -> None:
    # The same folder, in the environment of the tests, which lacks the package.
    elsewhere = Place(Path(sys.executable), place.folder)
    manifest = place.folder / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("backend: acme-lines", "backend: oci"))

    run = ("-c", "from cli.main import main; main()", "platform")
    promote = elsewhere.run(*run, "promote", "v1.0.0", "--to", "staging")
    status = elsewhere.run(*run, "status")

    assert promote.returncode == 2
    assert "needs the package acme-floe, which is not installed" in promote.stderr
    assert status.returncode == 0


def documented(kind: str) -> list[str]:
    return [block.text for block in blocks(kind) if block.page == PAGE]
