"""`floe` as a separate process, in a folder with its manifest.yaml."""

import json
import os
import pty
import signal
import subprocess
import termios
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

from tests.scenarios.warm_start import popen

INHERITED = ("PATH", "HOME", "FLOE_LOCK_DIR")
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
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Return standard output, which is one JSON document; json.JSONDecodeError otherwise."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Floe:
    """
    Runs commands in `folder`, with `environ` added to the inherited environment; with `fresh` in
    new interpreters, as a shell does.
    """

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    fresh: bool = False

    @classmethod
    def on(cls, uri: str, folder: Path, promotion: str = UNGATED, **environ: str) -> "Floe":
        """A platform with the registry `uri` and `artifacts.promotion` as YAML on one line."""
        (folder / "manifest.yaml").write_text(_MANIFEST % (uri, promotion))
        return cls(folder, environ)

    def start(
        self, *arguments: str, stdin: int | None = None, stderr: int = subprocess.PIPE
    ) -> "subprocess.Popen[bytes]":
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        streams = {"stdin": stdin, "stdout": subprocess.PIPE, "stderr": stderr}
        environ = inherited | self.environ
        return popen([*arguments], self.folder, environ, fresh=self.fresh, **streams)

    def run(self, *arguments: str) -> Finished:
        return finish(self.start(*arguments))

    def run_at_terminal(self, typed: str, *arguments: str) -> Finished:
        """Run at a terminal and answer prompts with `typed`; `err` is the terminal's output."""
        ours, theirs = pty.openpty()
        process = self.start(*arguments, stdin=theirs, stderr=theirs)
        os.close(theirs)
        os.write(ours, typed.encode())
        ended = finish(process)
        shown = os.read(ours, 65536)
        os.close(ours)
        return Finished(ended.code, ended.out, shown.decode())

    def screen(
        self, *arguments: str, columns: int = 80, seconds: float | None = None
    ) -> tuple[int, str]:
        """
        Run on a terminal of `columns`: the exit code, and all that was written to it.

        With `seconds`, the command is interrupted so long after its first output.
        """
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (50, columns))
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        with popen([*arguments], self.folder, inherited | self.environ, **streams) as process:
            os.close(theirs)
            written = b""
            # The end of a terminal is an error.
            with suppress(OSError):
                while part := os.read(ours, 65536):
                    written += part
                    if seconds is not None:
                        Timer(seconds, process.send_signal, [signal.SIGINT]).start()
                        seconds = None
            code = process.wait(120)
        os.close(ours)
        return code, written.decode().replace("\r\n", "\n")

    def promote(self, version: str, target: str, *more: str) -> Finished:
        return self.run("platform", "promote", version, "--to", target, "--output", "json", *more)


def finish(process: "subprocess.Popen[bytes]") -> Finished:
    with process:
        out, err = process.communicate(timeout=120)
    # Decoded here, since text mode would turn a carriage return into a newline.
    return Finished(process.returncode, out.decode(), (err or b"").decode())
