"""
Starts `floe` by a fork of a process that has loaded its modules: the same command, half a second
sooner. Interpreters that a variable changes, and the start itself, need a new process.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

_ROOT = Path(__file__).parents[2]
# Packages whose modules most commands load.
_LOADED = (
    "bot",
    "cli",
    "engine.bootstrap",
    "engine.adapters.gates",
    "engine.adapters.identity",
    "engine.adapters.registry",
    "engine.adapters.store",
    "engine.adapters.webhooks",
    "web",
)
# Variables that Python itself reads when it starts.
_OF_PYTHON = ("PYTHON", "LC_", "LANG", "TZ", "MALLOC")
# A larger message does not fit into a packet of the socket.
_PACKET = 100_000


def popen(
    arguments: list[str], cwd: Path, env: dict[str, str], fresh: bool = False, **streams: Any
) -> "subprocess.Popen[Any]":
    """
    Start `floe` with `arguments` in `cwd`, with `fresh` in a new interpreter; `streams` are options
    of `subprocess.Popen`.
    """
    fresh = fresh or any(name.startswith(_OF_PYTHON) for name in env)
    large = len(json.dumps([arguments, env])) >= _PACKET
    kind = subprocess.Popen if fresh or large else _Forked
    command = [sys.executable, "-c", "from cli.main import main; main()", *arguments]
    return kind(command, cwd=cwd, env=env | {"PYTHONPATH": str(_ROOT)}, **streams)


class _Forked(subprocess.Popen):  # type: ignore[type-arg]
    """A `Popen` whose process is forked by `serve`, which also waits for it."""

    def _execute_child(self, args: list[str], *rest: Any) -> None:
        cwd, env = rest[4], rest[5]
        pipes = rest[9:15]
        stdin, stdout, stderr = (
            pipe if pipe >= 0 else number
            for number, pipe in enumerate((pipes[0], pipes[3], pipes[5]))
        )
        self._status, theirs = socket.socketpair()
        with theirs:
            packet = json.dumps([os.fspath(cwd), env, args[3:]]).encode()
            socket.send_fds(_server(), [packet], [stdin, stdout, stderr, theirs.fileno()])
        self.pid = int.from_bytes(_exactly(self._status, 4), "big")
        self._child_created = True
        self._close_pipe_fds(*pipes)

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None:
            pid, status = self._try_wait(os.WNOHANG)
            if pid:
                self._handle_exitstatus(status)
        return self.returncode

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        ready, _, _ = select.select([self._status], [], [], 0 if wait_flags else None)
        if not ready:
            return 0, 0
        status = int.from_bytes(_exactly(self._status, 4), "big")
        self._status.close()
        return self.pid, status


@cache
def _server() -> socket.socket:
    """The control socket of this process's server, which ends when the socket is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from tests.scenarios.warm_start import serve; serve()",
            str(theirs.fileno()),
        ],
        cwd=_ROOT,
        env=inherited | {"PYTHONPATH": str(_ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    atexit.register(_stop, server, ours)
    return ours


def _stop(server: "subprocess.Popen[bytes]", control: socket.socket) -> None:
    control.close()
    server.wait()


def serve() -> None:
    """Fork a process for every packet, and send its pid, then its wait status, to its socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for package in _LOADED:
        _load(package)
    assert len([*Path("/proc/self/task").iterdir()]) == 1, "threads do not survive a fork"
    gc.freeze()
    ended, tell = socket.socketpair()
    for end in (ended, tell):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(tell.fileno())
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            _report(running)
        if control in ready and not _fork(control, running):
            return


def _fork(control: socket.socket, running: dict[int, int]) -> bool:
    """Fork the process of the next packet; False if there are no more."""
    packet, files, _, _ = socket.recv_fds(control, 2 * _PACKET, 4)
    if not packet:
        return False
    pid = os.fork()
    if pid == 0:
        _run(packet, files)
    *streams, status = files
    for stream in streams:
        os.close(stream)
    running[pid] = status
    os.write(status, pid.to_bytes(4, "big"))
    return True


def _load(package: str) -> None:
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, f"{package}."):
        importlib.import_module(module.name)


def _report(running: dict[int, int]) -> None:
    """Send the status of every child that ended to its socket."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with contextlib.suppress(BrokenPipeError):
                os.write(running[pid], status.to_bytes(4, "big"))
            os.close(running.pop(pid))


def _run(packet: bytes, files: list[int]) -> NoReturn:
    """Become the command of `packet`, as a new interpreter would."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, stream in enumerate(files[:3]):
            os.dup2(stream, number)
        os.closerange(3, max(files) + 1000)
        _open_streams()
        folder, environ, arguments = json.loads(packet)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environ)
        sys.argv = ["-c", *arguments]
        from cli.main import main

        main()
    finally:
        traceback.print_exc()
        os._exit(1)


def _open_streams() -> None:
    """Open the standard streams again: the old objects fit the files of the server."""
    sys.stdin = os.fdopen(0, encoding=sys.stdin.encoding, closefd=False)
    like = sys.stdout
    sys.stdout = os.fdopen(1, "w", encoding=like.encoding, errors=like.errors, closefd=False)
    sys.stderr = os.fdopen(
        2, "w", buffering=1, encoding=like.encoding, errors="backslashreplace", closefd=False
    )


def _exactly(stream: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        part = stream.recv(length - len(content))
        assert part, "the process that forks commands has ended"
        content += part
    return content
