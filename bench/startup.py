"""The startup time of a command, relative to the imports that it needs."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.platform import medians
from bench.rows import Row, beside
from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

TIMES = 9
NEEDED = "import click, pydantic, httpx"
DRY_RUN = ("platform", "promote", "v1.0.0", "--to", "staging", "--dry-run")


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
        floe = replace(Floe.on("oci-layout:./registry", folder), fresh=True)
        taken = medians(
            {
                "click": lambda _: _imported("click", folder),
                "usage": lambda _: _successful(floe, "--help"),
                "needed": lambda _: _imported(NEEDED.removeprefix("import "), folder),
                "dry run": lambda _: _successful(floe, *DRY_RUN),
            },
            TIMES,
        )
    yield beside("floe --help", taken["usage"], "import click", taken["click"])
    yield beside("floe platform promote --dry-run", taken["dry run"], NEEDED, taken["needed"])


def _imported(modules: str, folder: Path) -> None:
    command = [sys.executable, "-c", f"import {modules}"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)


def _successful(floe: Floe, *arguments: str) -> None:
    done = floe.run(*arguments)
    assert done.code == 0, done.err
