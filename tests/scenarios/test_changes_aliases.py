"""Somebody who becomes known under another name while a change waits stays the same person."""

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
    """Two must agree, and nobody's other names are known yet."""
    with stage_on(place, tmp_path, path_of("dev", guarded(required=2), "prod")) as built:
        place.push(image(b"one"), "v1.0.0-dev")
        built.members.directory = Directory.of({}, GROUPS)
        yield built


def told_of(stage: Stage, name: str) -> None:
    """Somebody writes into manifest.yaml who is behind `name`@phone."""
    stage.members.directory = Directory.of({name: (f"{name}@phone",)}, GROUPS)


@pytest.mark.requirement("SL-003")
def test_the_requester_does_not_approve_under_a_name_given_since(stage: Stage) -> None:
    asked = stage.ask(who="alice@phone")
    told_of(stage, "alice")

    with pytest.raises(AuthorizationError, match="requested"):
        stage.approve(asked, "alice")


def test_nobody_approves_twice_under_a_name_given_since(stage: Stage) -> None:
    asked = stage.ask(who="dave@phone")
    stage.approve(asked, "bob@phone")
    told_of(stage, "bob")

    with pytest.raises(AuthorizationError, match="already"):
        stage.approve(asked, "bob")


def test_a_request_is_taken_back_under_a_name_given_since(stage: Stage) -> None:
    asked = stage.ask(who="dave@phone")
    told_of(stage, "dave")

    done = stage.changes.cancel(asked.id, stage.members.operator("dave"), "cli")

    assert done.state is ChangeState.CANCELLED


def test_an_approval_stops_counting_when_its_giver_turns_out_to_be_the_requester(
    stage: Stage,
) -> None:
    asked = stage.ask(who="alice@phone")
    stage.approve(asked, "alice")
    decided = stage.approve(asked, "bob")
    told_of(stage, "alice")

    waits = stage.settle(decided)

    assert waits.state is ChangeState.AWAITING_APPROVAL
    assert [given.operator for given in waits.approvals] == ["bob"]
    assert "v1.0.0-staging" not in stage.tags()


def test_two_approvals_of_one_person_count_once(stage: Stage) -> None:
    asked = stage.ask(who="dave@phone")
    stage.approve(asked, "bob@phone")
    decided = stage.approve(asked, "bob")
    told_of(stage, "bob")

    waits = stage.settle(decided)

    assert waits.state is ChangeState.AWAITING_APPROVAL
    assert [given.operator for given in waits.approvals] == ["bob@phone"]
    assert "v1.0.0-staging" not in stage.tags()


def test_a_request_keeps_its_groups_under_a_name_given_since(stage: Stage) -> None:
    asked = stage.ask(who="dave@phone")
    stage.approve(asked, "alice")
    decided = stage.approve(asked, "bob")
    told_of(stage, "dave")

    assert stage.settle(decided).state is ChangeState.PROMOTED
