"""The lock files of a machine: their place, and their protection from other users."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from engine.adapters.state import FileLeases, LockDirectory, MachineLocks, choose_directory
from engine.adapters.state.lock_files import open_lock_file
from engine.domain.errors import ConfigError, ConflictError

REPOSITORY = Path(__file__).parents[2]
KEY = "registry.acme.com:443/acme/platform"
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")

HOLD = """
import os, pathlib, sys
from engine.adapters.state import FileLeases, LockDirectory, MachineLocks

os.umask(0o077)
os.setuid(int(sys.argv[1]))
machine = MachineLocks(LockDirectory(pathlib.Path(sys.argv[2])), sys.argv[4])
try:
    with FileLeases(pathlib.Path(sys.argv[3]), 0.2, machine=machine).hold("prod"):
        print("held", flush=True)
        sys.stdin.read()
except Exception as error:
    print(f"{type(error).__name__}: {error}", flush=True)
"""


def leases(state: Path, locks: Path, key: str = KEY) -> FileLeases:
    machine = MachineLocks(LockDirectory(locks), key)
    return FileLeases(state / "leases", wait_seconds=0, machine=machine)


def sticky(path: Path) -> Path:
    """A directory like /run/lock."""
    path.mkdir()
    path.chmod(0o1777)
    return path


def lock_file(locks: Path) -> Path:
    [path] = locks.glob("floe-*-prod.lock")
    return path


def test_two_state_directories_exclude_each_other(tmp_path: Path) -> None:
    locks = sticky(tmp_path / "locks")

    with (
        leases(tmp_path / "one", locks).hold("prod"),
        pytest.raises(ConflictError, match=f"prod is being changed by process {os.getpid()}"),
        leases(tmp_path / "two", locks).hold("prod"),
    ):
        pass

    with leases(tmp_path / "two", locks).hold("prod"):
        pass


def test_one_state_directory_excludes_also_where_machines_differ(tmp_path: Path) -> None:
    one, two = sticky(tmp_path / "one"), sticky(tmp_path / "two")

    with (
        leases(tmp_path, one).hold("prod"),
        pytest.raises(ConflictError),
        leases(tmp_path, two).hold("prod"),
    ):
        pass


def test_registries_do_not_wait_for_each_other(tmp_path: Path) -> None:
    locks = sticky(tmp_path / "locks")

    with (
        leases(tmp_path / "one", locks).hold("prod"),
        leases(tmp_path / "two", locks, "registry.acme.com:443/acme/shop").hold("prod"),
    ):
        pass


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory that other users may enter, unlike those of pytest."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@as_root
@pytest.mark.parametrize(("first", "second"), [(0, NOBODY), (NOBODY, 0), (NOBODY, NOBODY - 1)])
def test_users_exclude_each_other_with_the_file_of_either(
    first: int, second: int, base: Path
) -> None:
    locks = sticky(base / "locks")
    states = {}
    for user in (first, second):
        states[user] = base / str(user)
        states[user].mkdir()
        os.chown(states[user], user, user)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}

    def start(user: int) -> "subprocess.Popen[str]":
        words = [str(user), str(locks), str(states[user] / "leases"), KEY]
        return subprocess.Popen(
            [sys.executable, "-c", HOLD, *words], cwd=REPOSITORY, text=True, **pipes
        )

    with start(first) as holder, start(second) as waiting:
        assert holder.stdout is not None
        assert waiting.stdout is not None
        said = sorted((holder.stdout.readline(), waiting.stdout.readline()))
        holder.communicate()
        waiting.communicate()
    with start(second) as later:
        afterwards = later.communicate("")[0]

    assert said[0].startswith("ConflictError: prod is being changed by process")
    assert said[1] == "held\n"
    assert afterwards == "held\n"
    assert lock_file(locks).stat().st_mode & 0o777 == 0o666


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    locks, mine = sticky(tmp_path / "locks"), tmp_path / "mine"
    mine.write_text("precious")
    with leases(tmp_path, locks).hold("prod"):
        planted = lock_file(locks)
    planted.unlink()
    planted.symlink_to(mine)

    with pytest.raises(ConfigError, match=r"cannot be made: .*FLOE_LOCK_DIR"):
        leases(tmp_path, locks).hold("prod").__enter__()

    assert mine.read_text() == "precious"


def test_a_hard_link_in_place_of_the_lock_is_not_written(tmp_path: Path) -> None:
    locks, mine = sticky(tmp_path / "locks"), tmp_path / "mine"
    mine.write_text("precious")
    with leases(tmp_path, locks).hold("prod"):
        planted = lock_file(locks)
    planted.unlink()
    planted.hardlink_to(mine)

    with leases(tmp_path, locks).hold("prod"):
        pass

    assert mine.read_text() == "precious"


def test_a_pipe_in_place_of_the_lock_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="not a regular file"):
        open_lock_file(tmp_path / "pipe", everybody=True)


def test_removed_lock_file_excludes_no_process(tmp_path: Path) -> None:
    locks = sticky(tmp_path / "locks")
    with leases(tmp_path / "one", locks).hold("prod"):
        path = lock_file(locks)
    with open_lock_file(path, everybody=True):
        path.unlink()

        with (
            leases(tmp_path / "one", locks).hold("prod"),
            pytest.raises(ConflictError),
            leases(tmp_path / "two", locks).hold("prod"),
        ):
            pass


def test_the_first_directory_of_root_for_everybody_is_chosen(tmp_path: Path) -> None:
    closed, plain, open_to_all = tmp_path / "closed", tmp_path / "plain", sticky(tmp_path / "open")
    closed.mkdir(0o755)
    plain.mkdir()
    plain.chmod(0o777)
    if os.geteuid() != 0:
        pytest.skip("the directory must belong to root")

    chosen = choose_directory({}, (tmp_path / "none", closed, plain, open_to_all))

    assert chosen == LockDirectory(open_to_all)


def test_without_a_shared_directory_the_one_of_the_user_is_used_and_said(tmp_path: Path) -> None:
    chosen = choose_directory({"XDG_RUNTIME_DIR": str(tmp_path)}, ())

    assert chosen.path == tmp_path
    assert "Locks do not exclude commands of other users on this machine" in str(chosen.warning)


def test_without_any_directory_the_state_directory_is_used_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = choose_directory({}, ())
    held = FileLeases(tmp_path / "leases", machine=MachineLocks(chosen, KEY))

    for _ in range(2):
        with held.hold("prod"):
            pass

    assert [record.message for record in caplog.records] == [
        "Locks do not exclude commands with another state directory on this machine: no directory "
        "is shared by all users. Set FLOE_LOCK_DIR to a directory that everybody who runs floe "
        "here may write to"
    ]


def test_the_named_directory_is_used(tmp_path: Path) -> None:
    assert choose_directory({"FLOE_LOCK_DIR": str(tmp_path)}) == LockDirectory(tmp_path)


@pytest.mark.parametrize("named", ["locks", "/nowhere/at/all"])
def test_a_named_directory_that_is_not_there_is_refused(named: str) -> None:
    with pytest.raises(ConfigError, match=f"FLOE_LOCK_DIR is '{named}', which is not the absolute"):
        choose_directory({"FLOE_LOCK_DIR": named})
