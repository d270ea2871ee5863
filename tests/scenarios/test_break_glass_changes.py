"""A break-glass is a change of its own beside a normal one of the same version."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.domain.break_glass import BreakGlassRules
from engine.domain.change import Change, ChangeState
from engine.domain.errors import ConflictError
from engine.domain.names import Names
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.request import PromotionRequest
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import Stage, guarded, stage_on
from tests.scenarios.engines import NOON, path_of, promotion

GLASS = BreakGlassRules(Names(["developers"]))


def incident(name: str) -> Overrides:
    return Overrides(reason="checkout is down", incident=name)


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    path = path_of("dev", replace(guarded(), break_glass=GLASS), "prod")
    with stage_on(place, tmp_path, path) as built:
        place.push(image(b"one"), "v1.0.0-dev")
        yield built


def request(stage: Stage, who: str, overrides: Overrides = NO_OVERRIDES) -> PromotionRequest:
    operator = stage.members.operator(who)
    return promotion(stage.engine, "v1.0.0", "staging", operator, overrides=overrides)


def submit(
    stage: Stage, who: str, overrides: Overrides = NO_OVERRIDES, key: str | None = None
) -> Change:
    return stage.changes.submit(request(stage, who, overrides), "cli", key)


def test_break_glass_does_not_wait_for_an_open_change(stage: Stage) -> None:
    waiting = stage.ask()
    assert waiting.state is ChangeState.AWAITING_APPROVAL

    done = stage.settle(submit(stage, "dave", incident("INC-42")))

    assert (done.state, done.id == waiting.id) == (ChangeState.PROMOTED, False)
    assert "v1.0.0-staging" in stage.tags()


def test_normal_request_does_not_join_a_break_glass(stage: Stage) -> None:
    glass = submit(stage, "dave", incident("INC-42"))

    normal, other = submit(stage, "alice"), submit(stage, "dave", incident("INC-43"))
    again = submit(stage, "dave", incident("INC-42"))

    assert again.id == glass.id
    assert len({glass.id, normal.id, other.id}) == 3
    assert normal.overrides == NO_OVERRIDES


@pytest.mark.parametrize(("first", "then"), [("INC-42", ""), ("", "INC-42"), ("INC-42", "INC-43")])
def test_key_of_a_request_with_another_incident_is_refused(
    stage: Stage, first: str, then: str
) -> None:
    submit(stage, "dave", incident(first) if first else NO_OVERRIDES, "key")

    with pytest.raises(ConflictError, match="use another key"):
        submit(stage, "dave", incident(then) if then else NO_OVERRIDES, "key")


def test_break_glass_for_a_later_time_is_refused(stage: Stage) -> None:
    later = replace(
        request(stage, "dave", incident("INC-42")), scheduled_at=NOON + timedelta(days=3)
    )

    refused = stage.settle(stage.changes.submit(later, "cli"))

    assert refused.state is ChangeState.BLOCKED
    assert refused.ended is not None
    assert (refused.ended.reason_code, refused.ended.exit_code) == ("usage", 2)
    assert "leave out its time" in refused.ended.message
