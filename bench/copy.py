"""Copies between two registries: time relative to skopeo and crane, and memory."""

import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench.platform import REPOSITORY, registry_host
from bench.rows import Row, beside
from bench.storage import Storage
from engine.adapters.registry.mirror import RegistryMirror
from engine.adapters.registry.mirror.remote import RemoteSide
from engine.adapters.registry.remote.auth.sources import anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.domain.artifact import Tag
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.ports.secondary import TagCopy
from tests.builders import IMAGE_CONFIG, IMAGE_LAYER, descriptor
from tests.peers.go import BIN

MIB = 1024 * 1024
_TIMES = 3
_FLOE = "floe"
# The number of layers, and the size of each.
_CONTENTS = {
    "1 x 1 GiB": (1, 1024 * MIB),
    "100 x 1 MiB": (100, MIB),
    "1,000 x 10 KiB": (1000, 10 * 1024),
}
# Excludes the constant costs: imports, and opening the registries.
_OURS = """
import os, sys
from bench.copy import floe_copy, peak
print(floe_copy(*sys.argv[1:]), peak(os.getpid()))
"""


@dataclass(frozen=True)
class Taken:
    """The duration in seconds and the peak memory in KiB."""

    seconds: float
    memory: int


# Copies `tag` from one host to the other.
Client = Callable[[str, str, str], Taken]


def rows() -> Iterator[Row]:
    clients: dict[str, Client] = {_FLOE: _floe, "skopeo copy": _skopeo}
    if (BIN / "crane").exists():
        clients["crane copy"] = _crane
    for title, (count, size) in _CONTENTS.items():
        runs: dict[str, list[Taken]] = {name: [] for name in clients}
        again: dict[str, list[Taken]] = {name: [] for name in clients}
        with registry_host() as (source, folder), registry_host() as (target, _):
            # One run of a large copy is precise enough, and more would fill the disk.
            for number in range(_TIMES if size < 1024 * MIB else 1):
                for name, client in clients.items():
                    tag = f"{name.split()[0]}-{number}"
                    # New content for each run, so that no client finds blobs of another one.
                    _write(folder / "storage", tag, count, size)
                    runs[name].append(client(source, target, tag))
                    again[name].append(client(source, target, tag))
        yield from _compared(f"copy of {title}, first", runs)
        yield from _compared(f"copy of {title}, all there", again)
        most = max(taken.memory for taken in runs[_FLOE])
        yield Row(f"copy of {title}, memory", most / 1024, "MiB")


def floe_copy(source: str, target: str, tag: str) -> float:
    """
    Copy one artifact with its referrers, as a promotion does to a secondary. Return the seconds.
    """
    opened = partial(open_registry, repository=REPOSITORY, credentials=anonymous, scheme="http")
    primary, secondary = opened(source), opened(target)
    started = time.perf_counter()
    try:
        manifest = primary.fetch(Tag(tag))
        assert manifest is not None
        mirror = RegistryMirror(
            secondary.reference, RemoteSide(primary), lambda: RemoteSide(secondary, bounded=True)
        )
        copied = mirror.copy(manifest)
        mirror.publish((copied,), (TagCopy(Tag(tag), manifest, immutable=True),))
        return time.perf_counter() - started
    finally:
        primary.close()
        secondary.close()


def _floe(source: str, target: str, tag: str) -> Taken:
    command = [sys.executable, "-c", _OURS, source, target, tag]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"the copy failed: {done.stderr}")
    seconds, memory = done.stdout.split()
    return Taken(float(seconds), int(memory))


def _skopeo(source: str, target: str, tag: str) -> Taken:
    plain = ["--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests"]
    names = [f"docker://{host}/{REPOSITORY}:{tag}" for host in (source, target)]
    return _process(["skopeo", "--insecure-policy", "copy", "-q", *plain, *names])


def _crane(source: str, target: str, tag: str) -> Taken:
    names = [f"{host}/{REPOSITORY}:{tag}" for host in (source, target)]
    return _process([str(BIN / "crane"), "copy", "--insecure", *names])


def _process(command: list[str]) -> Taken:
    started, memory = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            memory = max(memory, peak(process.pid))
            time.sleep(0.002)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Taken(time.perf_counter() - started, memory)


def peak(process: int) -> int:
    """Return the peak memory of a process in KiB; 0 if the process is ending."""
    # getrusage would include the memory of the parent before exec.
    said = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+([0-9]+) kB", said)
    return int(found[1]) if found else 0


def _compared(name: str, runs: dict[str, list[Taken]]) -> Iterator[Row]:
    taken = {client: median(each.seconds for each in found) for client, found in runs.items()}
    for peer in [client for client in taken if client != _FLOE]:
        yield beside(name, taken[_FLOE], peer, taken[peer])


def _write(root: Path, tag: str, count: int, size: int) -> None:
    """Write an artifact with `count` layers of `size` bytes into a registry's directory."""
    storage, config = Storage(root), secrets.token_hex(8).encode()
    storage.blob(config)
    layers = []
    for _ in range(count):
        content = secrets.token_bytes(16) + bytes(size - 16)
        storage.blob(content)
        layers.append(descriptor(content, IMAGE_LAYER))
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": descriptor(config, IMAGE_CONFIG),
        "layers": layers,
    }
    storage.manifest(Manifest(json.dumps(document).encode(), IMAGE_MANIFEST), tag)
