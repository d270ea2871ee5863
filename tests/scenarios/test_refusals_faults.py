"""A refusal that cannot be recorded causes no error for the caller."""

from datetime import timedelta
from pathlib import Path

import pytest

from engine.adapters.store import SqlTally, state_database
from engine.domain.environment import Authorization, Environment
from engine.execution.refusals import Refusals
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.attempts import attempt_of
from tests.scenarios.engines import ALICE, BOB, TickingClock, path_of, promote
from tests.scenarios.shaky import shaky_engine
from tests.scenarios.verbs import build_and_promote, refusals_of

RULES = Authorization(frozenset({"admins"}))
PATH = path_of("dev", "staging", Environment("prod", authorization=RULES))


@pytest.mark.parametrize("status", [403, 500])
def test_failed_record_is_retried_and_counts_all_attempts(
    fake: FakeRegistry, tmp_path: Path, status: int
) -> None:
    clock = TickingClock()
    with shaky_engine(fake, tmp_path, PATH, clock) as shaky:
        build_and_promote(shaky.place, shaky.engine, "v1.0.0", operator=ALICE)
        refusals = Refusals(shaky.engine.runner, SqlTally(state_database(tmp_path)))
        plan = promote(shaky.engine, "v1.0.0", "prod", BOB).plan
        fake.script("POST", "/blobs/uploads/", *[Reply(status)] * (1 if status == 403 else 4))
        refusals.note(attempt_of(plan))
        assert refusals_of(shaky.engine) == []

        clock.time += timedelta(minutes=2)
        refusals.note(attempt_of(plan))

        assert [record.count for record in refusals_of(shaky.engine)] == [2]


def test_unreadable_ledger_is_not_written(fake: FakeRegistry, tmp_path: Path) -> None:
    with shaky_engine(fake, tmp_path, PATH, TickingClock()) as shaky:
        build_and_promote(shaky.place, shaky.engine, "v1.0.0", operator=ALICE)
        plan = promote(shaky.engine, "v1.0.0", "prod", BOB).plan
        before = dict(shaky.content.tags)
        fake.always("GET", r"/manifests/floe-head\.prod$", Reply(403))

        Refusals(shaky.engine.runner, SqlTally(state_database(tmp_path))).note(attempt_of(plan))

        assert shaky.content.tags == before
