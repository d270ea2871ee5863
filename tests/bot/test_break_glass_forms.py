"""Break-glass in the forms of Slack, and for rollbacks."""

import json

import pytest

from engine.domain.change import ChangeState
from engine.domain.record import RollbackRecord
from tests.bot.manifest import bot_manifest
from tests.bot.stage import ALICE, BOB, DEPLOYS, Stage, block_text, eventually, stage_in
from tests.bot.test_break_glass import GLASS, messages

_CLOSED = """windows:
  - {name: audit, kind: deny, environments: [prod], operations: [promote, rollback],
     dtstart: 20200101T000000Z, dtend: 20200102T000000, rrule: FREQ=DAILY}
"""
_GLASS = "break_glass: {groups: [developers]}"


@pytest.fixture
def stage(tmp_path):
    """Prod runs v2.0.0 after v1.0.0, and rollbacks need an approval too."""
    with stage_in(tmp_path, promotion=GLASS % "24h") as built:
        for version in ("v1.0.0", "v2.0.0"):
            change = built.waiting_change(version)
            built.click("floe_approve", change.id, BOB)
            built.change(ChangeState.PROMOTED, version)
        yield built


def form_of(stage: Stage, command: str, user: str = ALICE):
    shown = len(stage.slack.views)
    stage.command(command, user)
    return eventually(
        lambda: next((v for v in stage.slack.views[shown:] if v.get("callback_id") != "loading"), 0)
    )


def rolled_back(stage: Stage):
    """The newest change, once it is a finished rollback."""

    def there():
        newest = stage.platform.store.recent(1)[0]
        done = newest.action == "rollback" and newest.state is ChangeState.PROMOTED
        return newest if done else None

    return eventually(there)


def inputs(view):
    return {b["block_id"]: b["element"] for b in view["blocks"] if b["type"] == "input"}


def test_typed_rollback_breaks_the_glass(stage):
    view = form_of(stage, "/rollback v1.0.0 prod --break-glass --incident INC-42 checkout is down")
    assert inputs(view)["incident"]["initial_value"] == "INC-42"
    assert "Break-glass for INC-42" in block_text(view)

    stage.submit(view, ALICE, reason="checkout is down", incident="INC-42")

    done = rolled_back(stage)
    record = stage.platform.engine.history("prod", 1)[0].record
    assert isinstance(record, RollbackRecord)
    assert record.break_glass.incident == "INC-42"
    eventually(lambda: messages(stage, f"review:{done.record_id}"))


def test_rollback_form_asks_for_the_incident(stage):
    view = form_of(stage, "/rollback v1.0.0 prod")
    assert "by developers" in block_text(view)
    refused = stage.submit(view, ALICE, reason="down", incident="INC" * 50)
    stage.submit(view, ALICE, reason="down", incident="INC-7")

    assert "at most 100 characters" in json.loads(refused.body)["errors"]["incident"]
    assert rolled_back(stage).overrides.incident == "INC-7"


def test_promote_form_breaks_the_glass_and_needs_a_reason(stage):
    stage.publish("v3.0.0")
    stage.promote_elsewhere("v3.0.0", "staging")
    view = form_of(stage, "/promote v3.0.0")
    filled = {"version": "v3.0.0", "target": "prod"}
    without_reason = stage.submit(view, ALICE, **filled, incident="INC-42")
    without_incident = stage.submit(view, ALICE, **filled, reason="down")
    stage.submit(view, ALICE, **filled, incident="INC-42", reason="checkout is down")

    assert "reason" in json.loads(without_reason.body)["errors"]
    assert "incident" in json.loads(without_incident.body)["errors"]
    done = stage.change(ChangeState.PROMOTED, "v3.0.0")
    assert (done.overrides.incident, done.overrides.reason) == ("INC-42", "checkout is down")


def test_refusal_of_a_stranger_names_the_group(stage):
    view = form_of(stage, "/rollback v1.0.0 prod --break-glass --incident INC-42 down", BOB)

    assert "may not use break-glass. Required groups: [developers]" in block_text(view)


def test_incident_without_the_option_is_corrected(stage):
    said = stage.command("/rollback v1.0.0 prod --incident INC-42 down").body

    assert "A break-glass names its incident" in said
    assert "--break-glass --incident INC-42" in said


def test_closed_environment_names_the_break_glass(stage):
    written = bot_manifest(DEPLOYS, promotion=f"{_GLASS}\n{_CLOSED}")
    (stage.folder / "manifest.yaml").write_text(written)
    stage.restart()

    text = block_text(form_of(stage, "/rollback v1.0.0 prod"))

    assert "is closed by window 'audit'" in text
    assert "developers can skip this" in text
    assert "/rollback v1.0.0 prod --break-glass --incident INC-42 --reason …" in text
    view = form_of(stage, "/rollback v1.0.0 prod --break-glass --incident INC-42 down")
    stage.submit(view, ALICE, reason="down", incident="INC-42")
    record = rolled_back(stage).record_id
    eventually(lambda: messages(stage, f"review:{record}"))


def test_forms_without_break_glass_do_not_mention_it(tmp_path):
    with stage_in(tmp_path) as stage:
        view = form_of(stage, "/promote")

    assert sorted(inputs(view)) == ["at", "target", "version"]
