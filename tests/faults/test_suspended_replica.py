"""
A writer is suspended before its requests for longer than its lease, while another machine writes.

The registry has no immutable tags; the machines share a PostgreSQL database.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="an extra: pip install '.[postgres]'")

from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.audit import RemarkKind
from engine.domain.record import PromotionRecord
from engine.domain.status import Alignment
from engine.execution.entry_reconciler import EntryReconciler
from engine.runtime.schedule import Schedule, Task
from tests.builders import image
from tests.faults.holding import SECONDS, Chosen, HoldingProxy
from tests.faults.replica import replica, run
from tests.peers import raw
from tests.peers.fake_http import Request
from tests.peers.postgres import PostgresProcess
from tests.scenarios.engines import ProgressLog
from tests.scenarios.verbs import unlock
from tests.store.databases import new_schema

ROOT = Path(__file__).parents[2]
# The requests before which a suspension has different consequences.
VERSION = ("PUT", "manifests/v")
ENTRY = ("PUT", "manifests/floe-ledger.staging.")
READ_BACK = ("HEAD", "manifests/floe-ledger.staging.")
LATEST = ("PUT", "manifests/latest-staging")
HINT = ("PUT", "manifests/floe-head.staging")
_versions = count(1)

pytestmark = pytest.mark.timeout(300)


def before(method: str, path: str) -> Chosen:
    def chosen(_: int, request: Request) -> bool:
        return request.method == method and f"/{path}" in request.path

    return chosen


@dataclass
class Team:
    """
    Machines that share a registry and a database. The one called `late` is a process behind a
    proxy.
    """

    proxy: HoldingProxy
    host: str
    repository: str
    folder: Path
    url: str
    schema: str
    late: "subprocess.Popen[str] | None" = None

    @contextmanager
    def engine(self, name: str, wait_seconds: float = 60) -> Iterator[Engine]:
        place = (self.host, self.repository, self.folder / name, self.url, self.schema)
        with replica(*place, wait_seconds) as engine:
            yield engine

    def new_version(self) -> str:
        version = f"v1.{next(_versions)}.0"
        raw.push(self.host, self.repository, image(version.encode()), f"{version}-dev")
        return version

    def start(self) -> None:
        place = (self.proxy.host, self.repository, str(self.folder / "late"), self.url, self.schema)
        self.late = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.replica", *place],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.answer() == "ready"

    def answer(self) -> str:
        assert self.late is not None
        assert self.late.stdout is not None
        return str(json.loads(self.late.stdout.readline()))

    def suspend(self, request: tuple[str, str], *arguments: str) -> None:
        """Let the late machine begin a request, and suspend it before `request`."""
        if self.late is None:
            self.start()
        assert self.late is not None
        assert self.late.stdin is not None
        self.proxy.hold(before(*request))
        self.late.stdin.write(" ".join(arguments) + "\n")
        self.late.stdin.flush()
        assert self.proxy.arrived.wait(SECONDS)
        self.late.send_signal(signal.SIGSTOP)

    def resume(self) -> str:
        assert self.late is not None
        self.proxy.release()
        self.late.send_signal(signal.SIGCONT)
        return self.answer()

    def kill(self) -> None:
        if self.late is not None:
            self.late.kill()
            self.late.communicate(timeout=SECONDS)
            self.late = None

    def kinds(self, limit: int) -> list[str]:
        """The kinds of the newest records, newest first."""
        with self.engine("third") as engine:
            return [entry.record.kind for entry in engine.history("staging", limit)]

    def aligned_version(self) -> str | None:
        """The running version, if `latest` and the head hint follow the ledger."""
        with self.engine("third") as engine:
            status = engine.status()[1]
            end = engine.runner.ledger.end("staging")
            followed = status.alignment is Alignment.ALIGNED and end.hinted
            return status.state.version if followed else None

    def assert_sound(self, unrecorded: int = 0) -> None:
        """Assert that the audit finds nothing but the tags of writers that lost."""
        with self.engine("third") as engine:
            (found,) = engine.verify("staging", ProgressLog()).environments
        assert [each.kind for each in found.problems] == [RemarkKind.UNRECORDED] * unrecorded


@pytest.fixture
def team(
    registry_host: str, repository: str, tmp_path: Path, postgres_server: PostgresProcess
) -> Iterator[Team]:
    with HoldingProxy(registry_host) as proxy:
        made = Team(proxy, registry_host, repository, tmp_path, postgres_server.url, new_schema())
        try:
            yield made
        finally:
            proxy.release()
            made.kill()


@pytest.mark.requirement("FR-036")
def test_confirmed_lock_survives_a_suspended_promotion(team: Team) -> None:
    outcomes = {}
    for request in (VERSION, ENTRY, LATEST):
        team.suspend(request, "promote", team.new_version())
        with team.engine("prompt") as engine:
            assert run(engine, "lock") == "done"
            outcomes[request] = team.resume()
            assert engine.status()[1].lock is not None
            newest = team.kinds(2)
            assert unlock(engine).error is None
        assert newest[0] == "lock"
        assert (newest == ["lock", "promotion"]) == (outcomes[request] == "done")
        assert team.aligned_version() or request is VERSION

    assert outcomes.pop(VERSION) == "conflict"
    assert set(outcomes.values()) == {"done"}
    team.assert_sound(unrecorded=1)


@pytest.mark.requirement("NFR-004")
def test_one_of_two_promotions_succeeds_if_one_is_suspended(team: Team) -> None:
    for request in (VERSION, READ_BACK, LATEST, HINT):
        late, *prompt = [team.new_version() for _ in range(3)]
        team.suspend(request, "promote", late)
        with team.engine("prompt") as engine:
            assert [run(engine, "promote", each) for each in prompt] == ["done", "done"]
            assert team.resume() == "conflict"
            entries = engine.history("staging", 3)

        records = [each.record for each in entries if isinstance(each.record, PromotionRecord)]
        versions = [record.version for record in records]
        assert versions[:2] == prompt[::-1]
        # Its claim was completed before the others, unless it came too late to claim.
        assert (versions[2:] == [late]) == (request is not VERSION)
        # The late machine itself puts `latest` right when it sees the others.
        assert team.aligned_version() == prompt[-1]
    team.assert_sound(unrecorded=1)


@pytest.mark.requirement("FR-036")
def test_claimed_lock_is_in_force_before_its_writer_continues(team: Team) -> None:
    version = team.new_version()
    for request in (ENTRY, HINT):
        team.suspend(request, "lock")
        with team.engine("prompt") as engine:
            assert run(engine, "promote", version) == "environment_locked"
            assert team.resume() == "done"
            assert unlock(engine).error is None
    team.assert_sound()


@pytest.mark.requirement("NFR-004")
def test_entry_of_a_killed_writer_is_completed_by_the_next_one(team: Team) -> None:
    version = team.new_version()
    team.suspend(ENTRY, "promote", version)
    team.proxy.drop()
    team.kill()

    with team.engine("prompt") as engine:
        assert run(engine, "lock") == "done"
        status = engine.status()[1]

    assert team.kinds(3) == ["lock", "promotion"]
    assert (status.state.version, status.alignment) == (version, Alignment.ALIGNED)
    team.assert_sound()


@dataclass(frozen=True)
class Server:
    """The background work of a server, without its page."""

    reconciler: EntryReconciler

    def look(self) -> float:
        self.reconciler.reconcile()
        return 0.2

    def eventually(self, true: Callable[[], bool]) -> float:
        started = time.monotonic()
        while not true():
            assert time.monotonic() - started < SECONDS
            time.sleep(0.1)
        return time.monotonic() - started


@contextmanager
def server(team: Team) -> Iterator[Server]:
    with team.engine("server", wait_seconds=0) as engine:
        running, schedule = Server(EntryReconciler(engine.runner)), Schedule()
        schedule.add(Task(running.look, "no claimed entries completed", 0.2))
        schedule.start()
        try:
            yield running
        finally:
            schedule.stop()


def moved_late(team: Team) -> str:
    """Let a writer move `latest` after two other promotions, and die; returns the newest one."""
    late, *prompt = [team.new_version() for _ in range(3)]
    team.suspend(LATEST, "promote", late)
    with team.engine("prompt") as engine:
        assert [run(engine, "promote", each) for each in prompt] == ["done", "done"]
        artifact = engine.runner.registry.resolve(Tag(f"{late}-dev"))
        team.proxy.release()
        deadline = time.monotonic() + SECONDS
        while engine.runner.registry.resolve(Tag("latest-staging")) != artifact:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    team.kill()
    return prompt[-1]


@pytest.mark.requirement("NFR-004")
def test_latest_that_moved_late_is_put_right_by_a_server(team: Team) -> None:
    with server(team) as running:
        version = moved_late(team)

        taken = running.eventually(lambda: team.aligned_version() == version)

        team.suspend(ENTRY, "promote", late := team.new_version())
        team.proxy.drop()
        team.kill()
        completed = running.eventually(lambda: team.aligned_version() == late)

    print(f"latest was right again after {taken:.1f} s, a lost tag after {completed:.1f} s")
    team.assert_sound()


@pytest.mark.requirement("NFR-004")
def test_latest_that_moved_late_is_put_right_by_the_next_writer(team: Team) -> None:
    version = moved_late(team)

    with team.engine("prompt") as engine:
        assert run(engine, "lock") == "done"

    assert team.aligned_version() == version
    team.assert_sound()
