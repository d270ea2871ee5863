"""Refusals by rules are recorded soon and briefly, without changing the answer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from engine.adapters.store import SqlTally, state_database
from engine.api import Engine
from engine.domain.environment import Authorization, Environment
from engine.domain.operator import Operator
from engine.domain.path import PromotionPath
from engine.domain.plan import Plan
from engine.domain.result import Result
from engine.domain.rights import Rights
from engine.execution.refusals import Refusals
from tests.conftest import Place
from tests.scenarios.attempts import attempt_of
from tests.scenarios.engines import (
    ALICE,
    BOB,
    ProgressLog,
    TickingClock,
    engine_on,
    path_of,
    person,
    promote,
)
from tests.scenarios.verbs import (
    artifact,
    build_and_promote,
    lock,
    lock_request,
    refusals_of,
    rollback_request,
    unlock_request,
)

RULES = Authorization(frozenset({"admins"}), separation_of_duties=True)
PATH = path_of("dev", "staging", Environment("prod", authorization=RULES))
ADMIN = person("admin@acme.com", "admins")


@contextmanager
def platform(
    place: Place, folder: Path, clock: TickingClock, path: PromotionPath = PATH
) -> Iterator[Engine]:
    lockers = Rights.of((), people=(), lockers=[BOB.name])
    with engine_on(place.registry, folder, path, clock=clock, rights=lockers) as engine:
        yield engine


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
def engine(place: Place, tmp_path: Path, clock: TickingClock) -> Iterator[Engine]:
    """v1.0.0 is in staging, and only admins promote to prod."""
    with platform(place, tmp_path, clock) as built:
        build_and_promote(place, built, "v1.0.0", operator=ALICE)
        yield built


@pytest.fixture
def note(engine: Engine, tmp_path: Path) -> Callable[[Plan], None]:
    """Records a refusal as the interfaces do, with counters in one state directory."""
    refusals = Refusals(engine.runner, SqlTally(state_database(tmp_path / "state")))
    return lambda plan: refusals.note(attempt_of(plan))


def attempt_promotion(engine: Engine, operator: Operator, target: str = "prod") -> Result:
    return promote(engine, "v1.0.0", target, operator)


@pytest.mark.requirement("FR-048")
def test_refusal_is_recorded_with_operator_request_and_reason(
    engine: Engine, note: Callable[[Plan], None]
) -> None:
    result = attempt_promotion(engine, BOB)

    note(result.plan)

    (record,) = refusals_of(engine)
    assert (record.operator, record.rule, record.action) == (
        "bob@acme.com",
        "authorization",
        "promote",
    )
    assert record.message == str(result.error)
    assert (record.version, record.count) == ("v1.0.0", 1)
    assert record.artifact_digest == str(artifact("v1.0.0").manifest.digest)


@pytest.mark.requirement("FR-052")
def test_violation_of_separated_duties_is_recorded(
    engine: Engine, note: Callable[[Plan], None]
) -> None:
    admin = replace(ALICE, groups=frozenset({"admins"}))

    note(attempt_promotion(engine, admin).plan)

    (record,) = refusals_of(engine)
    assert record.rule == "separation_of_duties"
    assert record.message.startswith("Separation of duties violation: Operator 'alice@acme.com'")


@pytest.mark.requirement("FR-048")
def test_each_refusing_rule_is_recorded_once(engine: Engine, note: Callable[[Plan], None]) -> None:
    lock(engine, "prod", BOB)

    note(attempt_promotion(engine, ALICE).plan)

    assert [record.rule for record in refusals_of(engine)] == [
        "lock",
        "authorization",
        "separation_of_duties",
    ]


def test_refused_lock_unlock_or_rollback_is_recorded_too(
    engine: Engine, note: Callable[[Plan], None]
) -> None:
    lock(engine, "prod", ADMIN)
    promote(engine, "v1.0.0", "staging")

    for request in (lock_request(engine, "prod", BOB), unlock_request(engine, "prod", BOB)):
        note(engine.run(request, ProgressLog()).plan)

    assert [(record.action, record.version) for record in refusals_of(engine)] == [
        ("lock", None),
        ("unlock", None),
    ]


def test_recorded_refusal_changes_nothing_else(
    place: Place, engine: Engine, note: Callable[[Plan], None]
) -> None:
    assert promote(engine, "v1.0.0", "prod", ADMIN).error is None
    lock(engine, "prod", ADMIN)
    before = engine.status()[2]

    note(engine.run(unlock_request(engine, "prod", BOB), ProgressLog()).plan)

    assert engine.status()[2] == before
    assert len(refusals_of(engine)) == 1


def test_errors_without_a_rule_are_not_recorded(
    place: Place, engine: Engine, note: Callable[[Plan], None]
) -> None:
    place.push(artifact("other"), "v1.0.0-prod")
    taken = attempt_promotion(engine, ADMIN).plan
    place.push(artifact("v1.1.0"), "v1.1.0-staging")
    never = engine.run(rollback_request(engine, "v1.1.0"), ProgressLog()).plan

    for plan in (taken, never):
        assert plan.error is not None
        note(plan)

    assert refusals_of(engine) == []
    assert refusals_of(engine, "staging") == []


@pytest.mark.requirement("FR-048")
def test_thousand_attempts_are_a_few_records_with_their_number(
    engine: Engine, note: Callable[[Plan], None], clock: TickingClock
) -> None:
    plan = attempt_promotion(engine, BOB).plan

    for _ in range(1000):
        note(plan)
        clock.time += timedelta(seconds=9)
    clock.time += timedelta(hours=1)
    note(plan)

    records = refusals_of(engine)
    assert 3 <= len(records) <= 5
    assert sum(record.count for record in records) == 1001
    assert records[0].count == 1
    gaps = [b.refused_at - a.refused_at for a, b in pairwise(records)]
    assert all(gap >= timedelta(hours=1) for gap in gaps)


@pytest.mark.requirement("FR-048")
def test_fresh_state_directories_do_not_add_records(
    engine: Engine, tmp_path: Path, clock: TickingClock
) -> None:
    plan = attempt_promotion(engine, BOB).plan

    for run in range(30):
        tally = SqlTally(state_database(tmp_path / f"ci-{run}"))
        Refusals(engine.runner, tally).note(attempt_of(plan))

    assert len(refusals_of(engine)) == 1


def test_unwritable_state_directory_does_not_add_records(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    plan = attempt_promotion(engine, BOB).plan
    refusals = Refusals(engine.runner, SqlTally(state_database(tmp_path / "a-file")))

    for _ in range(10):
        refusals.note(attempt_of(plan))

    assert len(refusals_of(engine)) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 100, b'{"attempts": {"a": 1}}'])
def test_damaged_counter_is_reset(engine: Engine, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "refusals.json"
    path.write_bytes(content)
    refusals = Refusals(engine.runner, SqlTally(state_database(tmp_path)))

    for _ in range(3):
        refusals.note(attempt_of(attempt_promotion(engine, BOB).plan))

    assert len(refusals_of(engine)) == 1


def test_unverified_names_share_one_record(
    engine: Engine, note: Callable[[Plan], None], tmp_path: Path, clock: TickingClock
) -> None:
    for number in range(20):
        note(attempt_promotion(engine, person(f"os:user-{number}", verified=False)).plan)
    fresh = Refusals(engine.runner, SqlTally(state_database(tmp_path / "fresh")))
    fresh.note(attempt_of(attempt_promotion(engine, person("os:another", verified=False)).plan))
    assert [record.count for record in refusals_of(engine)] == [1]

    clock.time += timedelta(hours=2)
    note(attempt_promotion(engine, person("os:yet-another", verified=False)).plan)

    assert [record.count for record in refusals_of(engine)] == [1, 20]


def test_people_and_environments_have_their_own_records(
    place: Place, engine: Engine, note: Callable[[Plan], None]
) -> None:
    lock(engine, "staging", ADMIN)
    place.push(artifact("v1.1.0"), "v1.1.0-dev")

    for operator in (BOB, person("carol@acme.com"), BOB):
        note(attempt_promotion(engine, operator).plan)
        note(promote(engine, "v1.1.0", "staging", operator).plan)

    assert [r.operator for r in refusals_of(engine)] == ["bob@acme.com", "carol@acme.com"]
    assert len(refusals_of(engine, "staging")) == 2


def test_one_new_record_is_written_an_hour_later(
    engine: Engine, tmp_path: Path, clock: TickingClock
) -> None:
    for run, hours in enumerate((0, 2, 4)):
        clock.time += timedelta(hours=hours)
        refusals = Refusals(engine.runner, SqlTally(state_database(tmp_path / f"ci-{run}")))
        refusals.note(attempt_of(attempt_promotion(engine, BOB).plan))

    assert [record.count for record in refusals_of(engine)] == [1, 1, 1]


def test_simultaneous_attempts_make_one_record(
    engine: Engine, note: Callable[[Plan], None]
) -> None:
    plan = attempt_promotion(engine, BOB).plan
    threads = [threading.Thread(target=note, args=(plan,)) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(refusals_of(engine)) == 1
