"""Prints and runs commands as a person types them, and checks their exit codes."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

_CHANGE = re.compile(r"Change: (c-[0-9a-f]+)")


class UnexpectedError(Exception):
    """A command did not end as expected."""


def change_in(said: str) -> str:
    """Find the id of the opened change in the output of a command."""
    found = _CHANGE.search(said)
    if not found:
        raise UnexpectedError("no change was opened")
    return found[1]


class Shell:
    """Runs `floe` in a folder with a manifest.yaml."""

    def __init__(self, folder: Path, *, shown: bool = True) -> None:
        self._folder = folder
        self._shown = shown

    def run(
        self, title: str, command: str, expected: int = 0, *, who: str = "", token: str = ""
    ) -> str:
        """Run the command and return its output; `token` is the identity, `who` its name."""
        self._show(f"\n# {title}\n{who}$ {command}\n")
        # One stream keeps the order of results and progress.
        done = subprocess.run(
            shlex.split(command),
            cwd=self._folder,
            env=self._environ(token),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._show(done.stdout)
        if done.returncode != expected:
            if not self._shown:
                print(done.stdout)
            raise UnexpectedError(f"it ended with {done.returncode} and not with {expected}")
        if expected:
            self._show(f"(exit code {expected}, as it should be)\n")
        return done.stdout

    def kill(
        self, title: str, command: str, seconds: float, *, who: str = "", token: str = ""
    ) -> None:
        """Start the command and kill it after `seconds`."""
        print(f"\n# {title}\n{who}$ {command}", flush=True)
        process = subprocess.Popen(
            shlex.split(command),
            cwd=self._folder,
            env=self._environ(token),
            stderr=subprocess.STDOUT,
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        print("Killed", flush=True)

    def _show(self, text: str) -> None:
        if self._shown:
            print(text, end="", flush=True)

    def _environ(self, token: str) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environ = os.environ | {"PATH": path}
        return environ | {"FLOE_ID_TOKEN": token} if token else environ
