"""Copies between two registries: time relative to skopeo and crane, and memory."""

import hashlib
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

import httpx

from bench.platform import REPOSITORY, registry_host
from engine.adapters.registry.mirror import RegistryMirror
from engine.adapters.registry.mirror.remote import RemoteSide
from engine.adapters.registry.remote.auth.sources import anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.domain.artifact import Tag
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.ports.secondary import TagCopy
from tests.builders import IMAGE_CONFIG, IMAGE_LAYER, descriptor
from tests.peers import raw
from tests.peers.go import BIN

MIB = 1024 * 1024
_TIMES = 3
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


def lines(large: int = 256) -> Iterator[str]:
    """`large` is the size of the one large blob in MiB."""
    clients: dict[str, Client] = {"floe": _floe, "skopeo": _skopeo}
    if (BIN / "crane").exists():
        clients["crane"] = _crane
    for title, layers in {f"1 x {large} MiB": [large], "100 x 1 MiB": [1] * 100}.items():
        with registry_host() as (source, _), registry_host() as (target, _):
            runs: dict[str, list[Taken]] = {name: [] for name in clients}
            again: dict[str, list[Taken]] = {name: [] for name in clients}
            # One run of a large copy is precise enough, and more would fill the disk.
            for number in range(_TIMES if sum(layers) <= 256 else 1):
                for name, client in clients.items():
                    # New content for each run, so that no client finds blobs of another one.
                    _push(source, f"{name}-{number}", layers)
                    runs[name].append(client(source, target, f"{name}-{number}"))
                    again[name].append(client(source, target, f"{name}-{number}"))
        yield from _compared(title, runs)
        yield from _compared(f"{title}, there already", again)


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


def _compared(title: str, runs: dict[str, list[Taken]]) -> Iterator[str]:
    ours = median(taken.seconds for taken in runs["floe"])
    memory = max(taken.memory for taken in runs["floe"]) / 1024
    ratios = [
        f"{median(taken.seconds for taken in runs[name]) / ours:.2f} x the speed of {name} "
        f"({max(taken.memory for taken in runs[name]) / 1024:.0f} MiB)"
        for name in runs
        if name != "floe"
    ]
    yield f"copy of {title}: {', '.join(ratios)}, in {memory:.0f} MiB of memory"


def _push(host: str, tag: str, layers: list[int]) -> None:
    """Push an artifact with layers of the given sizes in MiB, one MiB at a time."""
    with httpx.Client(base_url=f"http://{host}/v2/{REPOSITORY}", timeout=60) as client:
        pushed = [_push_blob(client, size) for size in layers]
    raw_config = secrets.token_hex(8).encode()
    raw.push_blob(host, REPOSITORY, raw_config)
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": descriptor(raw_config, IMAGE_CONFIG),
        "layers": pushed,
    }
    raw.put_manifest(host, REPOSITORY, Manifest(json.dumps(document).encode(), IMAGE_MANIFEST), tag)


def _push_blob(client: httpx.Client, size: int) -> dict[str, object]:
    block, first = bytes(MIB - 16), secrets.token_bytes(16)
    pieces = [first, block, *([bytes(MIB)] * (size - 1))]
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    name = f"sha256:{digest.hexdigest()}"
    location = client.base_url.join(client.post("/blobs/uploads/").headers["Location"])
    headers = {"Content-Length": str(size * MIB)}
    url = location.copy_add_param("digest", name)
    client.put(url, content=iter(pieces), headers=headers).raise_for_status()
    return {"mediaType": IMAGE_LAYER, "digest": name, "size": size * MIB}


if __name__ == "__main__":
    for said in lines(*map(int, sys.argv[1:])):
        print(said, flush=True)
