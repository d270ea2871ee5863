"""
The records of all ledgers as one stream, filtered, newest first, and read only as far as needed.
"""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.artifact import Version
from engine.domain.errors import RegistryError, UsageError
from engine.domain.request import RollbackRequest
from engine.domain.selection import Selection, parse_digest_prefix, parse_time
from tests.conftest import Place
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.audited import lock, promote_versions, unlock
from tests.scenarios.engines import (
    BOB,
    NOON,
    TRACE_ID,
    ProgressLog,
    TickingClock,
    engine_on,
    promote,
)
from tests.scenarios.tampering import Hand


def list_records(engine: Engine, selection: Selection, limit: int | None = None) -> list[str]:
    """Return kind, version and environment of each record, newest first."""
    with closing(engine.audit(selection, limit)) as entries:
        return [
            f"{e.record.kind} {getattr(e.record, 'version', '-')} {e.environment}" for e in entries
        ]


@pytest.fixture
def used_engine(place: Place, engine: Engine) -> Engine:
    """Three promotions to staging, one to prod by Bob, a lock, an unlock and a rollback."""
    promote_versions(place, engine, 3)
    promote(engine, "v1.0.2", "prod", BOB)
    lock(engine)
    unlock(engine)
    engine.run(RollbackRequest(Version("v1.0.2"), "staging", BOB, TRACE_ID, "INC-1"), ProgressLog())
    return engine


@pytest.mark.requirement("FR-026")
@pytest.mark.requirement("FR-038")
@pytest.mark.requirement("FR-048")
def test_all_ledgers_are_one_stream_newest_first(used_engine: Engine) -> None:
    assert list_records(used_engine, Selection()) == [
        "rollback v1.0.2 staging",
        "unlock - staging",
        "lock - staging",
        "promotion v1.0.2 prod",
        "promotion v1.0.3 staging",
        "promotion v1.0.2 staging",
        "promotion v1.0.1 staging",
    ]


def test_every_filter_applies(used_engine: Engine) -> None:
    newest = next(
        iter(used_engine.audit(Selection(environment="staging", version=Version("v1.0.3"))))
    )
    digest = newest.record.subject_digest
    assert digest is not None

    assert len(list_records(used_engine, Selection(environment="prod"))) == 1
    assert len(list_records(used_engine, Selection(version=Version("v1.0.2")))) == 3
    assert len(list_records(used_engine, Selection(digest=digest))) == 1
    assert len(list_records(used_engine, Selection(digest=parse_digest_prefix(digest[7:15])))) == 1
    assert len(list_records(used_engine, Selection(operator=BOB.name))) == 2
    assert len(list_records(used_engine, Selection(operator=BOB.id))) == 2
    assert len(list_records(used_engine, Selection(operator=BOB.name.upper()))) == 2
    assert list_records(used_engine, Selection(kind="lock")) == ["lock - staging"]
    assert list_records(used_engine, Selection(kind="lock", operator=BOB.name)) == []
    assert len(list_records(used_engine, Selection(), limit=3)) == 3
    assert len(list_records(used_engine, Selection(kind="promotion"), limit=3)) == 3


def test_records_before_a_time_are_omitted(place: Place, tmp_path: Path) -> None:
    clock = TickingClock()
    with engine_on(place.registry, tmp_path, clock=clock) as engine:
        promote_versions(place, engine, 2)
        clock.time += timedelta(days=2)
        promote_versions(place, engine, first=3, last=3)

        recent = list_records(engine, Selection(since=NOON + timedelta(days=1)))
        older = list_records(engine, Selection(since=NOON - timedelta(seconds=1)))

    assert recent == ["promotion v1.0.3 staging"]
    assert len(older) == 3


def test_records_just_before_a_time_are_omitted(place: Place, engine: Engine) -> None:
    promote_versions(place, engine, 3)
    with closing(engine.audit(Selection())) as entries:
        times = [entry.record.at for entry in entries]

    recent = list_records(engine, Selection(since=times[1]))

    assert recent == ["promotion v1.0.3 staging", "promotion v1.0.2 staging"]


def test_ledger_is_read_only_as_far_back_as_needed(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> None:
    clock = TickingClock()
    with engine_on(opened(fake.host), tmp_path, clock=clock) as engine:
        for _ in range(40):
            lock(engine)
            unlock(engine)
        clock.time += timedelta(days=2)
        lock(engine)
        fake.requests.clear()

        recent = list_records(
            engine, Selection(environment="staging", since=NOON + timedelta(days=1))
        )

    assert recent == ["lock - staging"]
    assert len(fake.requests) <= 2 + 32


def test_newest_records_cost_the_same_for_any_length_of_the_ledger(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> None:
    registry = opened(fake.host)
    with engine_on(registry, tmp_path) as engine:
        for number in range(50):
            lock(engine, f"freeze {number}")
            unlock(engine)
        fake.requests.clear()

        newest = list_records(engine, Selection(environment="staging"), limit=20)

    assert len(newest) == 20
    # At most the end, and one batch of entries before it.
    assert len(fake.requests) <= 2 + 32


def test_long_ledger_can_be_read_completely(place: Place, engine: Engine) -> None:
    for number in range(35):
        lock(engine, f"freeze {number}")
        unlock(engine)

    with closing(engine.audit(Selection())) as entries:
        sequences = [entry.sequence for entry in entries]

    assert sequences == list(range(70, 0, -1))


def test_invalid_history_is_not_shown(place: Place, engine: Engine) -> None:
    promote_versions(place, engine)
    Hand(place).remove_manifest("floe-ledger.staging.3")

    with pytest.raises(RegistryError, match="audit verify --env staging|does not have"):
        list_records(engine, Selection())


def test_common_time_formats_are_parsed() -> None:
    assert parse_time("2026-08-31", NOON) == datetime(2026, 8, 31, tzinfo=UTC)
    assert parse_time("2026-09-01T12:00+02:00", NOON) == NOON - timedelta(hours=2)
    assert parse_time("90m", NOON) == NOON - timedelta(minutes=90)
    assert parse_time("2w", NOON) == NOON - timedelta(days=14)
    for text in ("yesterday", "", "5", "0001-01-01T00:00+14:00", "-1d", "2026-13-01"):
        with pytest.raises(UsageError, match="is not a time: write 2026-09-01"):
            parse_time(text, NOON)


@pytest.mark.parametrize("text", ["", "sha256:", "abc", "sha512:abcdef", "ABCDEF", "../../etc"])
def test_malformed_digest_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a digest"):
        parse_digest_prefix(text)


def test_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'deploy' is not a kind of record. Kinds: promotion, "):
        Selection(kind="deploy")
