"""Concurrent writers, killed writers, and disk errors."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryUnavailableError
from tests.builders import image
from tests.peers import oci_layout

REPOSITORY = Path(__file__).parents[2]
EACH = 10

WRITER = """
import pathlib, sys
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from tests.builders import image

root, name, count = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
registry = LayoutRegistry.create(root)
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    registry.put(image(f"{name}-{number}".encode()).manifest, Tag(f"{name}-{number}"))
    registry.put(image(name.encode()).manifest, Tag("latest"))
"""


@contextmanager
def writers(root: Path, *names: str, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that wait for `start`, then write `count` tags each and move `latest`."""
    with ExitStack() as stack:
        processes = []
        for name in names:
            argv = [sys.executable, "-c", WRITER, str(root), name, str(count)]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            process = subprocess.Popen(argv, cwd=REPOSITORY, text=True, **pipes)
            processes.append(stack.enter_context(process))
            stack.callback(process.kill)
        yield processes


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("go\n")
    process.stdin.flush()


def test_eight_processes_create_one_layout_and_lose_no_tag(tmp_path):
    root = tmp_path / "registry"
    names = [f"w{number}" for number in range(8)]

    with writers(root, *names, count=EACH) as processes:
        for process in processes:
            start(process)
        for process in processes:
            process.communicate(timeout=100)

    assert [process.returncode for process in processes] == [0] * 8
    expected = {f"{name}-{number}" for name in names for number in range(EACH)}
    assert {str(tag) for tag in LayoutRegistry(root).tags()} == {*expected, "latest"}


def test_concurrent_creates_make_one_layout(tmp_path):
    for round_number in range(20):
        root = tmp_path / str(round_number)
        with ThreadPoolExecutor(8) as pool:
            made = [pool.submit(LayoutRegistry.create, root) for _ in range(8)]

        assert [future.result().tags() for future in made] == [()] * 8


def test_threads_lose_no_tag_and_readers_never_see_half_an_index(tmp_path):
    registry = LayoutRegistry.create(tmp_path)
    reader = LayoutRegistry(tmp_path)
    registry.put(image().manifest, Tag("latest"))
    done = threading.Event()
    seen: list[int] = []

    def write(name: int) -> None:
        for number in range(EACH):
            registry.put(image(b"%d-%d" % (name, number)).manifest, Tag(f"{name}-{number}"))
            registry.put(image(b"%d" % number).manifest, Tag("latest"))

    def read() -> None:
        while not done.is_set():
            assert reader.fetch(Tag("latest")) is not None
            # As other tools do, who read once.
            assert json.loads((tmp_path / "index.json").read_bytes())["manifests"]
            seen.append(len(reader.tags()))

    watching = threading.Thread(target=read)
    watching.start()
    writers = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    watching.join()

    assert seen == sorted(seen)
    assert len(reader.tags()) == 4 * EACH + 1


def test_a_writer_killed_at_any_moment_leaves_a_whole_index_and_no_lock(tmp_path):
    for round_number in range(4):
        with writers(tmp_path, f"k{round_number}", count=100_000) as (process,):
            start(process)
            time.sleep(0.05 + 0.03 * round_number)
            process.kill()

    registry = LayoutRegistry(tmp_path)
    tags = registry.tags()
    registry.put(image().manifest, Tag("after"))

    assert Tag("after") in registry.tags()
    for tag in tags:
        assert registry.fetch(tag) is not None


def test_a_half_written_index_is_read_again(tmp_path):
    registry = LayoutRegistry.create(tmp_path)
    oci_layout.write(tmp_path, image(), "v1")
    whole = (tmp_path / "index.json").read_bytes()
    (tmp_path / "index.json").write_bytes(whole[:20])
    finishing = threading.Timer(0.03, (tmp_path / "index.json").write_bytes, (whole,))

    finishing.start()
    tags = registry.tags()
    finishing.join()

    assert tags == (Tag("v1"),)


def test_a_change_of_equal_size_at_the_same_time_is_noticed(tmp_path):
    reader = LayoutRegistry.create(tmp_path)
    one, two = image(b"one"), image(b"two")
    # Ahead, so that the moment lasts as long as the test does on a busy machine.
    moment = time.time_ns() + 60_000_000_000

    found = []
    for artifact in (one, two) * 3:
        oci_layout.write(tmp_path, artifact, "v1")
        os.utime(tmp_path / "index.json", ns=(moment, moment))
        found.append(reader.resolve(Tag("v1")))

    assert found == [one.manifest.digest, two.manifest.digest] * 3


LIMITED = """
import pathlib, resource, sys
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryUnavailableError
from tests.builders import image

resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))
registry = LayoutRegistry(pathlib.Path(sys.argv[1]))
for number in range(10):
    try:
        registry.put(image(b"x").manifest, Tag(f"v1-{number}"))
    except RegistryUnavailableError as error:
        print(error)
        break
"""


def test_a_write_that_is_cut_short_changes_nothing(tmp_path):
    LayoutRegistry.create(tmp_path)

    argv = [sys.executable, "-B", "-c", LIMITED, str(tmp_path)]
    said = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert "cannot be written: File too large; nothing was changed" in said.stdout
    assert len(LayoutRegistry(tmp_path).tags()) > 0
    assert [path for path in tmp_path.rglob(".floe-*") if path.is_file()] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB with a layout on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        LayoutRegistry.create(disk / "registry")
        yield disk / "registry"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_reported_and_changes_nothing(small_disk):
    registry = LayoutRegistry(small_disk)
    registry.put(image(b"first").manifest, Tag("v1"))
    before = (small_disk / "index.json").read_bytes()

    with pytest.raises(RegistryUnavailableError) as refused:
        registry.open_upload().finish(os.urandom(128 * 1024))

    assert str(refused.value) == (
        f"the image layout {small_disk} cannot be written: No space left on device; "
        "nothing was changed: free some space and repeat"
    )
    assert (small_disk / "index.json").read_bytes() == before
    registry.put(image(b"second").manifest, Tag("v2"))


def test_a_read_only_disk_can_be_read_and_refuses_writes(small_disk):
    registry = LayoutRegistry(small_disk)
    artifact = image(b"first")
    registry.put(artifact.manifest, Tag("v1"))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk.parent)], check=True)

    with pytest.raises(RegistryUnavailableError, match=r"Read-only .*: mount it writable"):
        registry.put(image(b"second").manifest, Tag("v2"))
    with pytest.raises(RegistryUnavailableError, match=r"Read-only .*: mount it writable"):
        registry.put(artifact.manifest, Tag("v2"))

    assert LayoutRegistry(small_disk).fetch(Tag("v1")) == artifact.manifest


AS_NOBODY = """
import os, pathlib, sys, tempfile
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryUnavailableError
from tests.builders import image

# Everything is loaded before the rights are given up, which may include reading Python's files.
with tempfile.TemporaryDirectory() as folder:
    LayoutRegistry.create(pathlib.Path(folder)).put(image(b"x").manifest, Tag("v2"))
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
registry = LayoutRegistry(pathlib.Path("."))
for attempt in (lambda: registry.put(image(b"x").manifest, Tag("v2")), registry.tags):
    try:
        print(attempt())
    except RegistryUnavailableError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (0o644, "cannot be written: Permission denied; nothing was changed: run as a user with"),
        (0o000, "cannot be read: Permission denied; give this user read access"),
    ],
)
def test_missing_permissions_are_reported(tmp_path, mode, said):
    root = tmp_path / "registry"
    LayoutRegistry.create(root).put(image().manifest, Tag("v1"))
    (root / "index.json").chmod(mode)
    directories = [path for path in (root, *root.rglob("*")) if path.is_dir()]
    for directory in directories:
        directory.chmod(0o555)

    argv = [sys.executable, "-c", AS_NOBODY]
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(argv, cwd=root, env=environ, capture_output=True, text=True, check=True)

    assert said in done.stdout.splitlines()[0]
    assert "v2" not in done.stdout
    for directory in directories:
        directory.chmod(0o755)
