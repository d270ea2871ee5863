"""A rejection holds while the ledger cannot be written, and is recorded once afterwards."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from engine.changes.rejections import Rejections
from engine.domain.change import ChangeState
from engine.domain.record import RejectionRecord
from tests.builders import image
from tests.conftest import Place
from tests.peers.fake_http import Cut, Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.changing import Stage, stage_on, until
from tests.scenarios.claiming import claims_in
from tests.scenarios.engines import with_parts
from tests.scenarios.shaky import REPOSITORY, shaky_engine


@pytest.fixture
def stage(fake: FakeRegistry, tmp_path: Path) -> Iterator[Stage]:
    with shaky_engine(fake, tmp_path / "shaky") as shaky:
        place = Place(shaky.place.registry, shaky.place.push)
        with stage_on(place, tmp_path) as built:
            fake.hold(REPOSITORY, image(b"one"), "v1.0.0-dev")
            yield built


def recorded(stage: Stage, environment: str = "staging") -> list[str]:
    entries = stage.engine.history(environment, 10)
    return [each.record.change_id for each in entries if isinstance(each.record, RejectionRecord)]


# A refused write has no effect; a cut connection leaves the effect unknown.
@pytest.mark.parametrize("answers", [[Reply(403)], [Cut.AFTER] * 4], ids=["refused", "unknown"])
def test_rejection_is_recorded_once_the_registry_answers_again(
    stage: Stage, fake: FakeRegistry, answers: list[Reply | Cut]
) -> None:
    asked = stage.ask()
    fake.script("PUT", r"/manifests/floe-ledger\.staging\.1$", *answers)

    rejected = stage.changes.reject(asked.id, stage.members.operator("bob"), "not today", "cli")
    stage.changes.rejections.retry()
    stage.changes.rejections.retry()

    assert rejected.state is ChangeState.REJECTED
    assert recorded(stage) == [asked.id]


def test_rejection_stays_owed_while_the_registry_refuses(
    stage: Stage, fake: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    asked = stage.ask()
    fake.script("PUT", r"/manifests/floe-ledger\.staging\.1$", *[Reply(403)] * 2)

    stage.changes.reject(asked.id, stage.members.operator("bob"), "not today", "cli")
    stage.changes.rejections.retry()
    while_refused = recorded(stage)
    stage.changes.rejections.retry()

    assert while_refused == []
    assert recorded(stage) == [asked.id]
    assert f"rejection of {asked.id} is not yet recorded" in caplog.text


def test_rejection_waits_for_no_other_environment(stage: Stage, fake: FakeRegistry) -> None:
    asked = stage.ask()
    stage.changes.reject(asked.id, stage.members.operator("bob"), "not today", "cli")
    (entry,) = stage.engine.history("staging", 1)
    fake.script("PUT", r"/manifests/floe-ledger\.staging\.2$", *[Reply(403)] * 2)
    fake.script("PUT", r"/manifests/floe-ledger\.prod\.1$", Reply(403))
    for name in ("staging", "prod"):
        copied = {"rejection_id": uuid4(), "change_id": f"c-{name}", "environment": name}
        stage.changes.rejections.record(entry.record.model_copy(update=copied))

    stage.changes.rejections.retry()

    assert recorded(stage) == [asked.id]
    assert recorded(stage, "prod") == ["c-prod"]


def test_changes_expire_while_a_rejection_cannot_be_recorded(
    stage: Stage, fake: FakeRegistry
) -> None:
    asked, runner, worker = stage.ask(), stage.engine.runner, stage.platform.worker
    fake.script("PUT", r"/manifests/floe-ledger\.staging\.1$", Reply(403))
    stage.changes.reject(asked.id, stage.members.operator("bob"), "not today", "cli")

    with runner.leases.hold("staging"):
        worker.start()
        expired = [expires(stage) for _ in range(2)]
    worker.stop()

    assert expired == [True, True]


def expires(stage: Stage) -> bool:
    """Ask for a change, and return whether it expires in time."""
    waiting = stage.ask()
    stage.later(hours=2)
    return until(lambda: stage.changes.get(waiting.id).state is ChangeState.EXPIRED, 30)


def test_rejection_that_fails_during_a_reload_is_recorded(stage: Stage, fake: FakeRegistry) -> None:
    asked, before = stage.ask(), stage.changes.rejections
    after = Rejections(stage.engine.runner)
    fake.script("PUT", r"/manifests/floe-ledger\.staging\.1$", Reply(403))

    after.take_over(before)
    stage.changes.reject(asked.id, stage.members.operator("bob"), "not today", "cli")
    owed = after.owed
    after.retry()

    assert owed == 1
    assert recorded(stage) == [asked.id]


def test_rejection_that_is_written_during_a_reload_is_recorded_once(
    stage: Stage, fake: FakeRegistry
) -> None:
    before, runner = stage.changes.rejections, stage.engine.runner
    after = Rejections(runner)
    asked = stage.ask()
    fake.script("PUT", r"/manifests/floe-ledger\.staging\.1$", Reply(403))
    stage.changes.reject(asked.id, stage.members.operator("bob"), "not today", "cli")
    retrying = threading.Thread(target=before.retry)

    with runner.leases.hold("staging"):
        retrying.start()
        assert until(before._retrying.locked)
        after.take_over(before)
        after.retry()
    retrying.join(60)
    after.retry()

    assert after.owed == 0
    assert recorded(stage) == [asked.id]


def test_rejection_that_was_claimed_is_recorded_once(
    stage: Stage, fake: FakeRegistry, tmp_path: Path
) -> None:
    engine = with_parts(stage.engine, claims=claims_in(tmp_path, stage.place))
    changes, asked = replace(stage.changes, runner=engine.runner), stage.ask()
    fake.script("PUT", r"/manifests/floe-ledger\.staging\.1$", *[Reply(500)] * 4)

    changes.reject(asked.id, stage.members.operator("bob"), "not today", "cli")
    before = recorded(stage)
    changes.rejections.retry()

    assert before == []
    assert recorded(stage) == [asked.id]
