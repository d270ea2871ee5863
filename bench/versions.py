"""The time to list published versions, relative to the tools that list the tags of a registry."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from bench.platform import REPOSITORY, medians, opened, registry_host
from bench.proxy import counting
from bench.rows import Row, beside
from bench.storage import Storage
from tests.builders import image
from tests.peers.go import BIN
from tests.scenarios.commands import Floe
from tests.scenarios.engines import engine_on

FEW, MANY = 100, 10_000
_ROUNDS = 7
_PAGE = 20


def rows() -> Iterator[Row]:
    for size in (FEW, MANY):
        with registry_host() as (host, folder), tempfile.TemporaryDirectory() as name:
            write_tags(folder / "storage", size)
            yield from _measured(host, Path(name), f"{size:,} tags")


def write_tags(root: Path, count: int) -> None:
    """Write one artifact with the tags of `count` builds."""
    storage, artifact = Storage(root), image(b"one")
    for blob in artifact.blobs:
        storage.blob(blob)
    storage.manifest(artifact.manifest, *(f"v1.{number}.0-dev" for number in range(count)))


def _measured(host: str, folder: Path, size: str) -> Iterator[Row]:
    floe = replace(Floe.on(f"oci://{host}/{REPOSITORY}", folder), fresh=True)
    line = "floe platform promote v1.5"
    shell = {"_FLOE_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": "3"}
    tab = replace(floe, environ=floe.environ | shell)
    peers = _peers(f"{host}/{REPOSITORY}")
    works: dict[str, Callable[[int], object]] = {
        "floe platform versions": lambda _: _successful(floe, "platform", "versions"),
        "completion of a version": lambda _: _successful(tab),
        "floe --version": lambda _: _successful(floe, "--version"),
        **{name: lambda _, c=command: _run(c) for name, command in peers.items()},
    }
    with opened(host) as registry, engine_on(registry, folder / "engine") as engine:
        reader, status = engine.versions, engine.status()

        def listed(_: int) -> None:
            reader.expire()
            reader.page(status, _PAGE)

        works["listing and first page, in a server"] = listed
        works["search for a key press, in a server"] = lambda _: reader.search("v1.5", 100, 9)
        taken = medians(works, _ROUNDS)
    for name in [name for name in works if name not in peers]:
        for peer in peers:
            yield beside(f"{size}, {name}", taken[name], peer, taken[peer])
    yield Row(f"{size}, requests to list them", _requests(host, folder))


def _requests(host: str, folder: Path) -> int:
    with (
        counting(host, 0) as (proxied, count),
        opened(proxied) as registry,
        engine_on(registry, folder / "counted") as engine,
    ):
        status, before = engine.status(), count.requests
        engine.versions.page(status, _PAGE)
        return count.requests - before


def _peers(repository: str) -> dict[str, list[str]]:
    found = {"skopeo list-tags": ["skopeo", "list-tags", "--tls-verify=false"]}
    found["skopeo list-tags"].append(f"docker://{repository}")
    if (BIN / "crane").exists():
        found["crane ls"] = [str(BIN / "crane"), "ls", "--insecure", repository]
    return found


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=60, capture_output=True, env=dict(os.environ))


def _successful(floe: Floe, *arguments: str) -> None:
    done = floe.run(*arguments)
    assert done.code == 0, done.err
