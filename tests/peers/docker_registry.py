"""A real registry process (Debian's docker-registry) on a loopback port."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.loopback import free_port, until_answered

PROGRAM = "docker-registry"
USER, PASSWORD = "alice", "s3cret"
# bcrypt of PASSWORD, cost 4: the registry reads no other format.
_HTPASSWD = f"{USER}:$2b$04$qa8ESaZHPo1B7suKncPe8uuxmjAarrunCyrL4.JwMALzGwlnf9kIW\n"


@dataclass(frozen=True)
class DockerRegistry:
    """A registry at `host`, which is `127.0.0.1:port`; failure tests may kill `process`."""

    host: str
    process: subprocess.Popen[bytes]


@contextmanager
def docker_registry(
    folder: Path,
    *,
    htpasswd: bool = False,
    in_memory: bool = False,
    deletes: bool = True,
    port: int | None = None,
    more: str = "",
) -> Iterator[DockerRegistry]:
    """
    A registry with its files in `folder`; give `port` to restart one.

    `more` is added to its configuration.
    """
    port = port or free_port()
    config = folder / f"registry-{port}.yaml"
    config.write_text(_config(folder, port, htpasswd, in_memory, deletes) + more)
    with (
        (folder / f"registry-{port}.log").open("wb") as log,
        subprocess.Popen([PROGRAM, "serve", str(config)], stdout=log, stderr=log) as process,
    ):
        try:
            until_answered(f"http://127.0.0.1:{port}/v2/", process)
            yield DockerRegistry(f"127.0.0.1:{port}", process)
        finally:
            process.terminate()
            process.wait(60)


def _config(folder: Path, port: int, htpasswd: bool, in_memory: bool, deletes: bool) -> str:
    storage = "inmemory: {}" if in_memory else f"filesystem: {{rootdirectory: {folder}/storage}}"
    lines = [
        "version: 0.1",
        "log: {level: warn}",
        f"storage: {{{storage}, delete: {{enabled: {str(deletes).lower()}}}}}",
        f"http: {{addr: '127.0.0.1:{port}'}}",
    ]
    if htpasswd:
        (folder / "htpasswd").write_text(_HTPASSWD)
        lines.append(f"auth: {{htpasswd: {{realm: Tests, path: {folder}/htpasswd}}}}")
    return "\n".join(lines) + "\n"
