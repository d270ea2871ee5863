"""Stock programs that judge transparency logs: `fsck` of Tessera, and the witness litewitness."""

import hashlib
import socket
import sqlite3
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.peers.go import peer

NAME = "witness.example/lite"


def fsck(log: Path, key: str, folder: Path, seconds: float = 60) -> str:
    """
    Return the output of fsck about the static log in `log`; the log's verifier key is `key`.

    It does not end after a problem, so it is stopped when it has printed one.
    """
    (folder / "vkey").write_text(f"{key}\n")
    command = [peer("fsck"), f"--storage_url=file://{log}/", f"--public_key={folder / 'vkey'}"]
    with (folder / "fsck.log").open("w+") as output:
        with subprocess.Popen([*command, "-ui=false"], stdout=output, stderr=output) as process:
            end = time.monotonic() + seconds
            while process.poll() is None and time.monotonic() < end:
                if "Failed" in (text := (folder / "fsck.log").read_text()) or "ERROR" in text:
                    break
                time.sleep(0.1)
            process.kill()
        return (folder / "fsck.log").read_text()


@contextmanager
def litewitness(folder: Path, logs: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Run a witness of the logs with the verifier keys `logs`; yields its URL and its own key."""
    program, private = peer("litewitness"), Ed25519PrivateKey.generate()
    folder.mkdir()
    agent_socket = folder / "agent"
    with _running(["ssh-agent", "-D", "-a", agent_socket], folder / "agent.log"):
        _until(agent_socket.exists)
        fingerprint = _add_key(private, agent_socket, folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        command = [program, "-db", folder / "witness.db", "-name", NAME, "-key", fingerprint]
        command += ["-ssh-agent", agent_socket, "-listen", address]
        with _running(command, folder / "witness.log"):
            _until(lambda: _answers(address))
            _add_logs(folder / "witness.db", logs)
            yield f"http://{address}", _verifier_key(private)


def _add_key(private: Ed25519PrivateKey, agent_socket: Path, folder: Path) -> str:
    file = folder / "key"
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    file.chmod(0o600)
    environ = {"SSH_AUTH_SOCK": str(agent_socket), "PATH": "/usr/bin:/bin"}
    subprocess.run(["ssh-add", file], env=environ, check=True, capture_output=True)
    listed = subprocess.run(
        ["ssh-add", "-l"], env=environ, check=True, capture_output=True, text=True
    )
    return listed.stdout.split()[1]


def _add_logs(database: Path, logs: Iterable[str]) -> None:
    empty = b64encode(hashlib.sha256(b"").digest()).decode()
    with closing(sqlite3.connect(database, timeout=30)) as opened, opened:
        for key in logs:
            origin = key.split("+")[0]
            opened.execute(
                "INSERT INTO log(origin, tree_size, tree_hash) VALUES(?, 0, ?)", (origin, empty)
            )
            opened.execute("INSERT INTO key(origin, key) VALUES(?, ?)", (origin, key))


def _verifier_key(private: Ed25519PrivateKey) -> str:
    content = b"\x04" + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = hashlib.sha256(NAME.encode() + b"\n" + content).hexdigest()[:8]
    return f"{NAME}+{key_id}+{b64encode(content).decode()}"


@contextmanager
def _running(command: list[str | Path], log: Path) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as run:
        try:
            yield
        finally:
            run.terminate()


def _answers(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as tried:
        return tried.connect_ex((host, int(port))) == 0


def _until(done: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():  # type: ignore[operator]
        if time.monotonic() > end:
            raise RuntimeError("a peer does not start")
        time.sleep(0.05)
