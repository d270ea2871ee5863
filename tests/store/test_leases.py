"""Leases are real locks: between threads, between processes, and after a death."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from engine.adapters.state import FileLeases
from engine.domain.errors import ConfigError, ConflictError

REPOSITORY = Path(__file__).parents[2]

HOLDER = """
import pathlib, subprocess, sys
from engine.adapters.state import FileLeases

with FileLeases(pathlib.Path(sys.argv[1])).hold("prod"):
    child = subprocess.Popen(["sleep", "600"], close_fds=False, stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    sys.stdin.read()
child.kill()
child.wait()
"""


@contextmanager
def another_process_holding_prod(directory: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a process that releases prod when its input ends. Also yields the id of its child."""
    argv = [sys.executable, "-c", HOLDER, str(directory)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, cwd=REPOSITORY, text=True, **pipes) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            yield holder, child
        finally:
            holder.kill()
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def test_a_lease_is_free_again_when_it_was_let_go(tmp_path):
    leases = FileLeases(tmp_path / "state" / "leases", wait_seconds=0)

    with leases.hold("prod"):
        pass

    with leases.hold("prod"):
        assert (tmp_path / "state" / "leases" / "prod.lease").exists()


def test_a_lease_is_free_again_after_an_error(tmp_path):
    leases = FileLeases(tmp_path, wait_seconds=0)

    with pytest.raises(KeyboardInterrupt), leases.hold("prod"):
        raise KeyboardInterrupt

    with leases.hold("prod"):
        pass


def test_environments_do_not_wait_for_each_other(tmp_path):
    leases = FileLeases(tmp_path, wait_seconds=0)

    with leases.hold("staging"), leases.hold("prod"):
        pass


def test_products_with_equal_environments_do_not_wait_for_each_other(tmp_path):
    names = ("", "checkout", "checkout-2")
    leases = [FileLeases(tmp_path, wait_seconds=0, product=name) for name in names]

    with leases[0].hold("prod"), leases[1].hold("prod"), leases[2].hold("prod"):
        with pytest.raises(ConflictError) as refused, leases[1].hold("prod"):
            pytest.fail("got a lease that was taken")
        holder = refused.value.details.pop("holder")

    assert str(refused.value).startswith(f"checkout/prod is being changed by {holder}")
    assert refused.value.details == {"environment": "prod", "product": "checkout"}


def test_layout_has_one_lease_whatever_its_product_is_called(tmp_path):
    unnamed = FileLeases(tmp_path, wait_seconds=0, shared=True)
    named = FileLeases(tmp_path, wait_seconds=0, shared=True, product="checkout")

    with (
        unnamed.hold("prod"),
        pytest.raises(ConflictError, match="^checkout/prod is being changed"),
        named.hold("prod"),
    ):
        pytest.fail("got a lease that was taken")


def test_timeout_of_a_lease_names_its_holder(tmp_path):
    with another_process_holding_prod(tmp_path) as (holder, _):
        with (
            pytest.raises(ConflictError) as refused,
            FileLeases(tmp_path, wait_seconds=0.2).hold("prod"),
        ):
            pass

        assert str(refused.value).startswith(
            f"prod is being changed by process {holder.pid} since 20"
        )
        assert str(refused.value).endswith(
            "and was not free within 0.2 seconds: try again when that has ended"
        )


def test_what_stands_in_the_file_does_not_count(tmp_path):
    (tmp_path / "prod.lease").write_text("process 1 since \x1b[31m ever \udcff", errors="replace")

    with FileLeases(tmp_path, wait_seconds=0).hold("prod"):
        pass


def test_a_lease_ends_with_its_holder_even_if_a_child_of_it_lives_on(tmp_path):
    with another_process_holding_prod(tmp_path) as (holder, child):
        holder.kill()
        holder.wait()

        with FileLeases(tmp_path, wait_seconds=10).hold("prod"):
            assert Path(f"/proc/{child}").exists()


def test_who_waits_gets_it_when_the_holder_lets_go(tmp_path):
    with another_process_holding_prod(tmp_path) as (holder, _):
        got = threading.Event()

        def wait() -> None:
            with FileLeases(tmp_path, wait_seconds=60).hold("prod"):
                got.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        too_early = got.wait(0.3)
        holder.communicate(timeout=60)
        waiting.join()

        assert not too_early
        assert got.is_set()


def test_threads_take_turns(tmp_path):
    leases = FileLeases(tmp_path)
    inside: list[int] = []
    seen_inside: list[int] = []

    def enter() -> None:
        for _ in range(5):
            with leases.hold("prod"):
                inside.append(1)
                seen_inside.append(len(inside))
                time.sleep(0.002)
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen_inside == [1] * 20


def test_ctrl_c_ends_the_waiting(tmp_path):
    code = (
        "import pathlib, sys; from engine.adapters.state import FileLeases\n"
        "print('waiting', flush=True)\n"
        "with FileLeases(pathlib.Path(sys.argv[1]), 600).hold('prod'): pass"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]

    with (
        FileLeases(tmp_path).hold("prod"),
        subprocess.Popen(
            argv, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as waiting,
    ):
        assert waiting.stdout is not None
        waiting.stdout.readline()
        time.sleep(0.2)
        waiting.send_signal(signal.SIGINT)
        waiting.communicate(timeout=60)

    assert waiting.returncode == -signal.SIGINT


def test_a_place_that_cannot_be_written_is_a_configuration_error(tmp_path):
    (tmp_path / "file").touch()

    with (
        pytest.raises(ConfigError, match=r"prod\.lease cannot be made: .*point state\.dir at"),
        FileLeases(tmp_path / "file" / "leases").hold("prod"),
    ):
        pass


@pytest.mark.parametrize("name", ["../prod", "", ".", "a/b", "a\nb"])
def test_a_name_that_would_leave_the_directory_is_refused(tmp_path, name):
    with (
        pytest.raises(ConfigError, match="no name of an environment"),
        FileLeases(tmp_path / "leases").hold(name),
    ):
        pass

    assert not (tmp_path / "leases").exists()
