"""A writer that is stopped before any one of its requests, while another machine writes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

import pytest

from engine.api import Engine
from engine.domain.audit import RemarkKind
from engine.domain.errors import PromotionError
from engine.domain.record import PromotionRecord
from engine.domain.result import Result
from engine.domain.status import Alignment
from tests.builders import image
from tests.faults.holding import SECONDS, HoldingProxy
from tests.faults.troubled import Opened
from tests.peers import raw
from tests.peers.fake_registry import FakeRegistry, oci_error
from tests.scenarios.engines import BOB, ProgressLog, engine_on, promote
from tests.scenarios.verbs import lock, unlock

REPOSITORY = "acme/platform"
IMMUTABLE = ("v*-staging", "floe-ledger.*")
# A late writer leaves the tag of a version without a record, or `latest` at the change before.
_TOLERATED = {RemarkKind.UNRECORDED}


class Push(Protocol):
    def __call__(self, version: str) -> None: ...


@dataclass
class Machines:
    """Two machines with their own leases; the proxy is before the `late` one."""

    proxy: HoldingProxy
    host: str
    repository: str
    opened: Opened
    folder: Path
    push: Push

    @contextmanager
    def engine(self, name: str, host: str = "") -> Iterator[Engine]:
        """Start an engine without any memory on the machine `name`."""
        registry = self.opened(host or self.host, self.repository, timeout_seconds=SECONDS)
        with engine_on(registry, self.folder / name) as engine:
            yield engine

    def late(self, version: str) -> Result | PromotionError:
        with self.engine("late", self.proxy.host) as engine:
            try:
                return promote(engine, version, "staging")
            except PromotionError as error:
                return error

    def race(self, number: int, version: str, act: Callable[[Engine], Result]) -> "Race | None":
        """Run `act` while the promotion of `version` waits; None if it has fewer requests."""
        self.push(version)
        self.proxy.hold(lambda count, _: count == number)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.late, version)
            while not self.proxy.arrived.wait(0.05):
                if running.done():
                    return None
            try:
                with self.engine("prompt") as engine:
                    prompt = act(engine)
            finally:
                self.proxy.release()
            late = running.result(SECONDS)
        return Race(prompt, late)


@dataclass(frozen=True)
class Race:
    prompt: Result
    late: Result | PromotionError

    @property
    def late_succeeded(self) -> bool:
        return isinstance(self.late, Result) and self.late.error is None


@pytest.fixture(params=["mutable", "immutable"])
def machines(request: pytest.FixtureRequest, opened: Opened, tmp_path: Path) -> Iterator[Machines]:
    if request.param == "mutable":
        host = request.getfixturevalue("registry_host")
        repository = request.getfixturevalue("repository")

        def push(version: str) -> None:
            raw.push(host, repository, image(version.encode()), f"{version}-dev")

        with HoldingProxy(host) as proxy:
            yield Machines(proxy, host, repository, opened, tmp_path, push)
        return
    with FakeRegistry() as fake, HoldingProxy(fake.host) as proxy:
        fake.behaviour.immutable = oci_error(400, "TAG_INVALID", "the tag is immutable")
        fake.behaviour.protects = lambda tag: any(fnmatchcase(tag, each) for each in IMMUTABLE)

        def hold(version: str) -> None:
            fake.hold(REPOSITORY, image(version.encode()), f"{version}-dev")

        yield Machines(proxy, fake.host, REPOSITORY, opened, tmp_path, hold)


def assert_confirmed_changes_are_recorded(engine: Engine, race: Race) -> None:
    ids = [entry.record.id for entry in engine.history("staging", 6)]
    results = [result for result in (race.prompt, race.late) if isinstance(result, Result)]
    confirmed = [result.record for result in results if result.error is None]
    assert all(record is not None and record.id in ids for record in confirmed)


def assert_sound(machines: Machines) -> None:
    with machines.engine("third") as engine:
        (found,) = engine.verify("staging", ProgressLog()).environments
    assert {problem.kind for problem in found.problems} <= _TOLERATED, found


@pytest.mark.requirement("FR-036")
def test_confirmed_lock_survives_a_promotion_stopped_at_any_request(machines: Machines) -> None:
    number = 0
    while True:
        number += 1
        race = machines.race(number, f"v1.0.{number}", lambda engine: lock(engine, operator=BOB))
        if race is None:
            break
        with machines.engine("third") as engine:
            assert race.prompt.error is None
            assert engine.status()[1].lock is not None
            assert_confirmed_changes_are_recorded(engine, race)
            assert unlock(engine).error is None
            assert engine.status()[1].alignment in {Alignment.ALIGNED, Alignment.EMPTY}
    assert number > 12
    assert_sound(machines)


@pytest.mark.requirement("NFR-004")
def test_promotion_survives_another_one_stopped_at_any_request(machines: Machines) -> None:
    number = 0
    while True:
        number += 1
        late, prompt = f"v1.{number}.0", f"v1.{number}.1"
        machines.push(prompt)
        race = machines.race(number, late, lambda engine, v=prompt: promote(engine, v, "staging"))
        if race is None:
            break
        with machines.engine("third") as engine:
            assert race.prompt.error is None
            assert_confirmed_changes_are_recorded(engine, race)
            records = [entry.record for entry in engine.history("staging", 4)]
            versions = [each.version for each in records if isinstance(each, PromotionRecord)]
            assert versions.count(prompt) == 1
            # A late success is on record before the other promotion, which followed it.
            assert not race.late_succeeded or versions[:2] == [prompt, late]
            assert lock(engine).error is None
            assert unlock(engine).error is None
            assert engine.status()[1].state.version == prompt
            assert engine.status()[1].alignment is Alignment.ALIGNED
    assert number > 12
    assert_sound(machines)
