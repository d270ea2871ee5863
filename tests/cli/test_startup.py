"""The imports of a command: a promotion starts fast because it loads only the modules it needs."""

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.builders import image
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

ROOT = Path(__file__).parents[2]
PROMOTE = ("platform", "promote", "v1.0.0", "--to", "staging")
OURS = {"bot", "cli", "engine", "web"}
# click, pydantic and httpx with their dependencies (httpx has its own command line, which uses rich
# if it is installed), the parser of manifest.yaml, and docker's credentials.
NEEDED = {
    *("click", "yaml", "_yaml"),
    *("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"),
    *("httpx", "httpcore", "h11", "certifi", "idna", "anyio", "sniffio"),
    *("rich", "pygments"),
    "oras",
}
_IMPORT = re.compile(r"^import time: +\d+ \| +\d+ \| +([\w.]+)", re.MULTILINE)
# The modules of floe that a dry run loads; each takes time at every start.
MOST_MODULES = 268


def loaded_by(folder: Path, *arguments: str) -> set[str]:
    """Return the installed packages that the command imports."""
    # Python itself loads the remains of setuptools in its site directory.
    installed = {*packages_distributions(), *OURS} - {"_distutils_hack"}
    return {name.partition(".")[0] for name in modules_of(folder, *arguments)} & installed


def modules_of(folder: Path, *arguments: str) -> set[str]:
    """Return the modules that the command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from cli.main import main; main()", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(_IMPORT.findall(done.stderr))


def test_promotion_loads_no_unused_packages(place: Place, tmp_path: Path) -> None:
    place.push(image(), "v1.0.0-dev")
    reference = place.registry.reference
    uri = f"oci-layout:{reference}" if Path(reference).is_dir() else f"oci://{reference}"
    floe = Floe.on(uri, tmp_path)

    loaded = loaded_by(floe.folder, *PROMOTE)

    assert {"cli", "engine", "pydantic"} <= loaded
    assert loaded - NEEDED == {"cli", "engine"}


def test_dry_run_loads_no_part_of_other_commands(tmp_path: Path) -> None:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    floe = Floe.on("oci-layout:./registry", tmp_path)

    loaded = modules_of(floe.folder, *PROMOTE, "--dry-run")

    ours = {name for name in loaded if name.partition(".")[0] in OURS}
    assert "engine.operations.promote" in ours
    others = {"engine.platform", "engine.responses.change", "cli.render.change"}
    assert not ours & {*others, "engine.audit.checkpoints", "cli.render.rollback"}
    # Packages are read for a manifest with plug-ins only.
    assert not ours & {"engine.bootstrap.plugins", "engine.ports.plugins", "engine.runtime.plugins"}
    assert len(ours) <= MOST_MODULES


@pytest.mark.parametrize("arguments", [("--help",), ("platform", "--help")])
def test_help_loads_only_click(arguments: tuple[str, ...], tmp_path: Path) -> None:
    loaded = loaded_by(tmp_path, *arguments)

    assert loaded - {"engine"} == {"cli", "click"}
