"""`floe` as a process of its own, in a folder with its manifest.yaml."""

import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INHERITED = ("PATH", "HOME", "FLOE_LOCK_DIR")
_ROOT = Path(__file__).parents[2]
_MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "%s", timeout_seconds: 20}
  promotion: %s
"""
UNGATED = "{environments: [{name: dev}, {name: staging}, {name: prod}]}"


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its standard output: one JSON document, or json.JSONDecodeError."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Floe:
    """Commands are given in `folder`; `environ` goes on top of what is inherited."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    @classmethod
    def on(cls, uri: str, folder: Path, promotion: str = UNGATED, **environ: str) -> "Floe":
        """A platform whose registry is `uri`, its `artifacts.promotion` as YAML in one line."""
        (folder / "manifest.yaml").write_text(_MANIFEST % (uri, promotion))
        return cls(folder, environ)

    def start(
        self, *arguments: str, stdin: int | None = None, stderr: int = subprocess.PIPE
    ) -> "subprocess.Popen[bytes]":
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return subprocess.Popen(
            [sys.executable, "-c", "from cli.main import main; main()", *arguments],
            cwd=self.folder,
            env=inherited | {"PYTHONPATH": str(_ROOT)} | self.environ,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )

    def run(self, *arguments: str) -> Finished:
        return finish(self.start(*arguments))

    def run_at_terminal(self, typed: str, *arguments: str) -> Finished:
        """A run whose questions are answered with `typed`; `err` is what the terminal showed."""
        ours, theirs = pty.openpty()
        process = self.start(*arguments, stdin=theirs, stderr=theirs)
        os.close(theirs)
        os.write(ours, typed.encode())
        ended = finish(process)
        shown = os.read(ours, 65536)
        os.close(ours)
        return Finished(ended.code, ended.out, shown.decode())

    def promote(self, version: str, target: str, *more: str) -> Finished:
        return self.run("platform", "promote", version, "--to", target, "--output", "json", *more)


def finish(process: "subprocess.Popen[bytes]") -> Finished:
    with process:
        out, err = process.communicate(timeout=120)
    # Decoded here: as text, a carriage return would be read as a new line.
    return Finished(process.returncode, out.decode(), (err or b"").decode())
