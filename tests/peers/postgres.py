"""A PostgreSQL server in a directory of its own, and a pooler before it."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.peers.loopback import free_port

PASSWORD = "the-password-of-the-tests"
_SECONDS = 60


def binaries() -> Path | None:
    """The directory of initdb and postgres, which Debian keeps out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@dataclass
class PostgresProcess:
    """A server at `port`; its user `floe` has `PASSWORD` and the database `floe`."""

    folder: Path
    port: int
    bin: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return self.url_of("floe")

    def url_of(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://floe:{password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        _own(self.folder, secret)
        # Words in another order than their bytes: stores must not depend on the locale.
        self._run(
            "initdb", "-N", "-A", "scram-sha-256", "-U", "floe", f"--pwfile={secret}",
            "-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US",
            "-D", str(self.folder / "data"),
        )  # fmt: skip

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "max_connections": 200,
            "restart_after_crash": "on",
        }
        argv = [f"-c{name}={value}" for name, value in options.items()]
        with log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.folder / "data", *argv],
                stdout=log,
                stderr=log,
                **_as_postgres(),
            )
        _until_connected(self.url_of("postgres"), self.process)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End the server; SIGINT cuts its connections, SIGKILL gives it no time at all."""
        if self.process is None:
            return
        if number is signal.SIGKILL:
            # The processes of its connections would answer for a moment longer.
            self.process.send_signal(signal.SIGSTOP)
            subprocess.run(["pkill", "-KILL", "-P", str(self.process.pid)], check=False)
        self.process.send_signal(number)
        self.process.wait(_SECONDS)
        self.process = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server and to the processes of its connections."""
        assert self.process is not None
        subprocess.run(["pkill", f"-{number.value}", "-P", str(self.process.pid)], check=False)
        self.process.send_signal(number)

    def execute(self, statement: str, database: str = "floe") -> list[tuple[object, ...]]:
        with psycopg.connect(self.url_of(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [self.bin / name, *arguments],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
            **_as_postgres(),
        )


@contextmanager
def postgres() -> Iterator[PostgresProcess]:
    """Run a server inside the block. Its directory is one that the user postgres may enter."""
    found = binaries()
    assert found is not None
    with tempfile.TemporaryDirectory(prefix="floe-pg-") as folder:
        _own(Path(folder))
        server = PostgresProcess(Path(folder), free_port(), found)
        server.create()
        try:
            server.start()
            server.execute("CREATE DATABASE floe", "postgres")
            yield server
        finally:
            server.stop()


@contextmanager
def pgbouncer(server: PostgresProcess) -> Iterator[str]:
    """Run a pooler in transaction mode before `server`; yields its URL."""
    port = free_port()
    users, settings = server.folder / "users.txt", server.folder / f"pgbouncer-{port}.ini"
    users.write_text(f'"floe" "{PASSWORD}"\n')
    settings.write_text(
        f"[databases]\nfloe = host=127.0.0.1 port={server.port} dbname=floe\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = plain\nauth_file = {users}\npool_mode = transaction\n"
        "default_pool_size = 5\nserver_reset_query = DISCARD ALL\n"
    )
    _own(users, settings)
    process = subprocess.Popen(
        [shutil.which("pgbouncer") or "/usr/sbin/pgbouncer", "-q", settings],
        stderr=subprocess.DEVNULL,
        **_as_postgres(),
    )
    try:
        url = f"postgresql://floe:{PASSWORD}@127.0.0.1:{port}/floe"
        _until_connected(url, process)
        yield url
    finally:
        process.kill()
        process.wait()


def _as_postgres() -> dict[str, str]:
    """The server refuses to run as root."""
    return {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}


def _own(*paths: Path) -> None:
    if os.geteuid() == 0:
        for path in paths:
            shutil.chown(path, "postgres", "postgres")


def _until_connected(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not answer")
