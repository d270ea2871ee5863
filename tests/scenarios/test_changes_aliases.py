"""A person who gets an alias while a change waits is still the same person."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.domain.change import ChangeState
from engine.domain.errors import AuthorizationError
from engine.domain.identity import Directory
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import APPROVERS, Stage, guarded, stage_on
from tests.scenarios.engines import path_of

GROUPS = {
    "developers": ("alice@phone", "dave@phone"),
    APPROVERS: ("alice", "bob", "bob@phone"),
}


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    """Two approvals are required, and no aliases are configured yet."""
    with stage_on(place, tmp_path, path_of("dev", guarded(required=2), "prod")) as built:
        place.push(image(b"one"), "v1.0.0-dev")
        built.members.directory = Directory.of({}, GROUPS)
        yield built


def add_alias(stage: Stage, name: str) -> None:
    """Add the owner of `name`@phone to manifest.yaml."""
    stage.members.directory = Directory.of({name: (f"{name}@phone",)}, GROUPS)


@pytest.mark.requirement("SL-003")
def test_requester_cannot_approve_under_a_later_alias(stage: Stage) -> None:
    asked = stage.ask(who="alice@phone")
    add_alias(stage, "alice")

    with pytest.raises(AuthorizationError, match="requested"):
        stage.approve(asked, "alice")


def test_approver_cannot_approve_twice_under_a_later_alias(stage: Stage) -> None:
    asked = stage.ask(who="dave@phone")
    stage.approve(asked, "bob@phone")
    add_alias(stage, "bob")

    with pytest.raises(AuthorizationError, match="already"):
        stage.approve(asked, "bob")


def test_requester_cancels_under_a_later_alias(stage: Stage) -> None:
    asked = stage.ask(who="dave@phone")
    add_alias(stage, "dave")

    done = stage.changes.cancel(asked.id, stage.members.operator("dave"), "cli")

    assert done.state is ChangeState.CANCELLED


def test_approval_stops_counting_when_the_approver_is_the_requester(
    stage: Stage,
) -> None:
    asked = stage.ask(who="alice@phone")
    stage.approve(asked, "alice")
    decided = stage.approve(asked, "bob")
    add_alias(stage, "alice")

    waits = stage.settle(decided)

    assert waits.state is ChangeState.AWAITING_APPROVAL
    assert [given.operator for given in waits.approvals] == ["bob"]
    assert "v1.0.0-staging" not in stage.tags()


def test_two_approvals_of_one_person_count_once(stage: Stage) -> None:
    asked = stage.ask(who="dave@phone")
    stage.approve(asked, "bob@phone")
    decided = stage.approve(asked, "bob")
    add_alias(stage, "bob")

    waits = stage.settle(decided)

    assert waits.state is ChangeState.AWAITING_APPROVAL
    assert [given.operator for given in waits.approvals] == ["bob@phone"]
    assert "v1.0.0-staging" not in stage.tags()


def test_request_keeps_its_groups_under_a_later_alias(stage: Stage) -> None:
    asked = stage.ask(who="dave@phone")
    stage.approve(asked, "alice")
    decided = stage.approve(asked, "bob")
    add_alias(stage, "dave")

    assert stage.settle(decided).state is ChangeState.PROMOTED
