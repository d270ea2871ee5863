"""The promotion form searches the published versions, without a request for each key."""

import json

import pytest

from bot.block_kit_limits import view_problems
from bot.blocks.rendering_context import RenderingContext
from bot.modals import Draft, promote_form
from engine.config.people import SlashCommands
from engine.domain.change import ChangeState
from engine.domain.environment import Environment
from engine.domain.path import PromotionPath
from tests.bot.company import company_in
from tests.bot.fake_slack import TEAM
from tests.bot.stage import ALICE, Stage, eventually, stage_in


@pytest.fixture
def stage(tmp_path):
    """Staging runs v2.0.0 and ran v1.0.0 before; v3.0.0-rc.1 is published."""
    with stage_in(tmp_path) as built:
        built.publish("v3.0.0-rc.1")
        yield built


def suggested(stage, typed, product="", user=ALICE):
    """The options that Slack shows for the typed text."""
    body = {
        "type": "block_suggestion",
        "team": {"id": TEAM},
        "user": {"id": user, "team_id": TEAM},
        "action_id": f"floe_version:{product}",
        "block_id": "version",
        "value": typed,
    }
    answer = stage.send({"payload": json.dumps(body)})
    assert answer.status == 200
    return json.loads(answer.body)["options"]


def values(options):
    return [each["value"] for each in options]


def open_form(stage: Stage):
    stage.command("/promote")
    [view] = eventually(lambda: stage.slack.views)
    [block] = [each for each in view["blocks"] if each["block_id"] == "version"]
    return view, block["element"]


@pytest.mark.requirement("SL-001")
def test_version_is_found_and_promoted(stage):
    view, element = open_form(stage)
    assert (element["type"], element["action_id"]) == ("external_select", "floe_version:")

    options = suggested(stage, "")
    assert values(options) == ["v3.0.0-rc.1", "v2.0.0", "v1.0.0"]
    described = [each["description"]["text"] for each in options]
    assert described == ["published", "live in staging", "was in staging"]

    state = {
        "version": {"floe_version:": {"type": "external_select", "selected_option": options[1]}},
        "target": {"v": {"type": "static_select", "selected_option": {"value": "prod"}}},
    }
    body = {
        "type": "view_submission",
        "team": {"id": TEAM},
        "user": {"id": ALICE, "team_id": TEAM},
        "trigger_id": "trigger-secret-versions",
        "view": {**view, "state": {"values": state}},
    }
    assert stage.send({"payload": json.dumps(body)}).status == 200
    stage.change(ChangeState.AWAITING_APPROVAL, "v2.0.0")


def test_typed_text_selects_versions_and_a_newer_one_can_be_typed(stage):
    assert values(suggested(stage, "V2")) == ["v2.0.0"]
    assert values(suggested(stage, "rc")) == ["v3.0.0-rc.1"]
    assert values(suggested(stage, "v9.9.9")) == ["v9.9.9"]
    assert values(suggested(stage, "moon")) == []


def test_keys_send_no_request_to_the_registry(stage):
    assert values(suggested(stage, "v1")) == ["v1.0.0"]
    (stage.folder / "registry").rename(stage.folder / "away")

    assert values(suggested(stage, "v2.")) == ["v2.0.0"]


def test_first_search_without_a_registry_offers_the_typed_version(stage):
    (stage.folder / "registry").rename(stage.folder / "away")
    stage.restart()

    assert values(suggested(stage, "v1.0.0")) == ["v1.0.0"]
    assert values(suggested(stage, "v1")) == []


def test_at_most_a_hundred_options_are_sent(stage):
    for number in range(120):
        stage.publish(f"v4.{number}.0", b"same")

    options = suggested(stage, "v4.1")

    assert len(suggested(stage, "")) == 100
    assert values(options)[:3] == ["v4.119.0", "v4.118.0", "v4.117.0"]


def test_versions_are_those_of_the_chosen_product(tmp_path):
    with company_in(tmp_path, "payments", "checkout") as company:
        assert "v1.0.0" in values(suggested(company, "", "payments"))
        assert values(suggested(company, "", "unknown")) == []


def test_long_versions_stay_within_the_limits():
    rendering = RenderingContext(PromotionPath((Environment("prod"),)), SlashCommands())
    for version in ("v1.0.0-" + "x" * 121, "x" * 3000):
        assert view_problems(promote_form(rendering, {}, Draft(version, "prod"))) == []
