"""
A decided change that could not be carried out continues when an approver repeats the approval.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.audit.loading import open_backend
from engine.changes.decisions import Changes
from engine.changes.workflow import Progression
from engine.domain.change import ChangeState
from engine.domain.errors import AuditUnavailableError, AuthorizationError, ChangeClosedError
from engine.ports.audit_backend import AuditSettings
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import Stage, stage_on
from tests.scenarios.engines import with_parts

pytestmark = pytest.mark.requirement("NFR-004")


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    """Records are copied to `copies`, which is a file, so every copy fails."""
    (tmp_path / "copies").touch()
    backend = open_backend("s3", AuditSettings(tmp_path, url=f"file://{tmp_path}/copies"))
    with stage_on(place, tmp_path) as built:
        place.push(image(b"one"), "v1.0.0-dev")
        engine = with_parts(built.engine, audit_backend=backend)
        store, rules = built.platform.store, built.rules.of
        built.platform = replace(
            built.platform,
            engine=engine,
            changes=Changes(engine.runner, store, rules),
            progression=Progression(engine.runner, store, rules, built.members.regroup),
        )
        yield built
    backend.close()


def test_approver_may_repeat_until_the_change_is_carried_out(stage: Stage, tmp_path: Path) -> None:
    change = stage.ask()
    with pytest.raises(AuditUnavailableError):
        stage.settle(stage.approve(change))
    waiting = stage.changes.get(change.id)
    (tmp_path / "copies").unlink()

    done = stage.settle(stage.approve(change))

    assert waiting.state is ChangeState.EXECUTING
    assert done.state is ChangeState.PROMOTED
    assert [given.operator for given in done.approvals] == ["bob"]
    assert [entry.record.id for entry in stage.engine.history("staging")] == [done.record_id]
    assert stage.engine.verify("staging", stage.progress).sound


def test_executing_change_takes_no_further_approver(stage: Stage) -> None:
    change = stage.approve(stage.ask())

    with pytest.raises(ChangeClosedError, match="is executing: it does not wait for approval"):
        stage.approve(change, "carol")
    with pytest.raises(ChangeClosedError, match="is executing: it does not wait for approval"):
        stage.approve(change, "alice")


def test_approval_of_a_completed_change_is_refused(stage: Stage, tmp_path: Path) -> None:
    shutil.move(tmp_path / "copies", tmp_path / "moved")
    change = stage.settle(stage.approve(stage.ask()))

    with pytest.raises((ChangeClosedError, AuthorizationError), match="is promoted"):
        stage.approve(change)
