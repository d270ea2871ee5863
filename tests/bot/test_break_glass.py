"""Break-glass in Slack: announced in the channel, reminded of, and reviewed."""

import json
import time
from contextlib import contextmanager
from dataclasses import replace

from bot.blocks.rendering_context import RenderingContext
from bot.blocks.status import environment_lines
from bot.break_glass import BreakGlassNotices
from bot.catalog import Catalog
from bot.database import BotStore, bot_database
from bot.message_store import MessageStore
from engine.config import load_config
from engine.config.people import SlashCommands
from engine.domain.change import ChangeState
from engine.domain.overrides import Overrides
from engine.domain.parsing import parse_promotion_request, parse_review_request
from engine.domain.product import UNNAMED
from engine.domain.release_records import ReviewRecord
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS
from tests.bot.manifest import bot_manifest
from tests.bot.stage import (
    ALICE,
    BOB,
    DAVE,
    DEPLOYS,
    Stage,
    block_ids,
    block_text,
    buttons,
    eventually,
    stage_in,
)

GLASS = "break_glass: {groups: [developers], review: {within: %s, groups: [release-managers]}}"
COMMAND = '/promote v1.0.0 prod --break-glass --incident INC-42 --reason "checkout is down"'


def messages(stage: Stage, key: str):
    return [m for m in stage.slack.messages if block_ids(m)[0] == key]


def break_elsewhere(stage: Stage, version: str = "v1.0.0") -> str:
    """Promote by break-glass as a command without a server does, and return the record."""
    engine, alice = stage.platform.engine, stage.operator("alice@acme.com")
    overrides = Overrides(reason="checkout is down", incident="INC-42")
    request = parse_promotion_request(
        engine.path, version, None, "prod", alice, trace_id(), overrides
    )
    result = engine.run(request, NO_PROGRESS)
    assert result.error is None
    return result.record.id


def review_elsewhere(stage: Stage, record: str, *, accepted: bool = True) -> None:
    engine, bob = stage.platform.engine, stage.operator("bob@acme.com")
    asked = (record, "it was right", accepted)
    request = parse_review_request(engine.path, "prod", bob, trace_id(), *asked)
    assert engine.run(request, NO_PROGRESS).error is None


@contextmanager
def notices_beside(stage: Stage):
    """The notices of another server with the same database."""
    store = BotStore(bot_database(stage.folder / ".floe"))
    catalog = Catalog(stage.products, load_config(stage.folder / "manifest.yaml", {}))
    yield BreakGlassNotices(catalog, store, MessageStore(store), Mentions()), store
    store.close()


class Mentions:
    """Names groups without Slack."""

    def mention_groups(self, groups):
        return ", ".join(groups)


def test_break_glass_is_announced_and_an_overdue_review_reminds_once(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "2s") as stage:
        stage.command(COMMAND, ALICE)
        done = stage.change(ChangeState.PROMOTED)

        [announced] = eventually(lambda: messages(stage, f"review:{done.record_id}"))
        assert announced["reply_broadcast"] is True
        for said in ("INC-42", "checkout is down", "release-managers", done.record_id):
            assert said in json.dumps(announced)
        assert "Break-glass for INC-42" in json.dumps(stage.card())

        time.sleep(2)
        stage.products.notice(UNNAMED)
        [reminder] = eventually(lambda: messages(stage, f"review:{done.record_id}:overdue"))
        assert "The review is overdue" in json.dumps(reminder)
        assert reminder["thread_ts"] == announced["thread_ts"]

        stage.command(COMMAND.replace("v1.0.0", "v2.0.0"), ALICE)
        [refused] = eventually(lambda: stage.private_texts(ALICE))
        assert "The review of an earlier break-glass is overdue" in refused


def test_break_glass_without_a_server_is_announced_once_and_reminded_once(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "3s") as stage:
        record = break_elsewhere(stage)
        stage.products.notice(UNNAMED)

        [announced] = eventually(lambda: messages(stage, f"review:{record}"))
        for said in ("INC-42", "checkout is down", "release-managers", record, "alice@acme.com"):
            assert said in json.dumps(announced)
        assert "thread_ts" not in announced

        time.sleep(3)
        stage.products.notice(UNNAMED)
        [reminder] = eventually(lambda: messages(stage, f"review:{record}:overdue"))
        assert reminder["thread_ts"] == announced["ts"]

        stage.restart()
        stage.products.notice(UNNAMED)
        [row] = stage.platform.engine.status("prod")
        with notices_beside(stage) as (other, store):
            other.update(stage.platform, row, store.now())
            with store.read() as db:
                [[unsent]] = db.execute("SELECT count(*) FROM messages WHERE dirty = 1").fetchall()
        assert unsent == 0
        assert len(messages(stage, f"review:{record}")) == 1
        assert len(messages(stage, f"review:{record}:overdue")) == 1


def test_reminder_follows_the_time_of_the_review_and_not_the_rules_of_today(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "2s") as stage:
        record = break_elsewhere(stage)
        stage.products.notice(UNNAMED)
        eventually(lambda: messages(stage, f"review:{record}"))
        written = bot_manifest(DEPLOYS, promotion=GLASS % "24h")
        (tmp_path / "manifest.yaml").write_text(written)
        stage.restart()
        time.sleep(2)

        stage.products.notice(UNNAMED)

        eventually(lambda: messages(stage, f"review:{record}:overdue"))


def test_look_at_an_open_review_asks_no_registry(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "24h") as stage:
        break_elsewhere(stage)
        [row] = stage.platform.engine.status("prod")
        unreachable = replace(stage.platform, engine=None)

        with notices_beside(stage) as (notices, store):
            for _ in range(2):
                notices.update(unreachable, row, store.now())

            assert notices.find(row.state.reviews[0].record)


def test_review_at_the_command_line_ends_the_announcement(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "24h") as stage:
        stage.command(COMMAND, ALICE)
        record = stage.change(ChangeState.PROMOTED).record_id
        eventually(lambda: messages(stage, f"review:{record}"))
        review_elsewhere(stage, record, accepted=False)

        stage.products.notice(UNNAMED)

        said = eventually(
            lambda: (
                (t := block_text(messages(stage, f"review:{record}")[0])) and "objected" in t and t
            )
        )
        assert "it was right" in said
        assert "must review it" not in said
        assert len(messages(stage, f"review:{record}")) == 1


def test_status_from_before_the_announcement_ends_nothing(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "24h") as stage:
        [before] = stage.platform.engine.status("prod")
        record = break_elsewhere(stage)
        [after] = stage.platform.engine.status("prod")

        with notices_beside(stage) as (notices, store):
            read_at = store.now()
            notices.update(stage.platform, after, read_at)
            notices.update(stage.platform, before, read_at)

            assert notices.find(record)


def test_status_names_the_command_of_the_product(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "24h") as stage:
        record = break_elsewhere(stage)
        [row] = stage.platform.engine.status("prod")

    context = RenderingContext(stage.platform.engine.path, SlashCommands(), product="checkout")
    lines = environment_lines([row], context)
    assert "break-glass for INC-42 needs a review until" in lines
    assert f"floe platform review --product checkout {record} --reason" in lines


def test_change_of_nothing_is_not_announced(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "24h") as stage:
        record = break_elsewhere(stage)
        stage.command(COMMAND, ALICE)
        [said] = eventually(lambda: stage.private_texts(ALICE))
        stage.products.notice(UNNAMED)

        assert "Nothing to do" in said
        assert len(eventually(lambda: messages(stage, f"review:{record}"))) == 1


def test_stranger_may_not_break_the_glass(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "24h") as stage:
        stage.command(COMMAND, BOB)

        [refused] = eventually(lambda: stage.private_texts(BOB))
        assert "may not use break-glass. Required groups: [developers]" in refused


def click_review(stage: Stage, record: str, user: str):
    """Click the button of the announcement; returns the form, or the refusal in its place."""
    [announced] = eventually(lambda: messages(stage, f"review:{record}"))
    assert buttons(announced) == ["floe_review"]
    shown = len(stage.slack.views)
    stage.click("floe_review", record, user)
    return eventually(
        lambda: next((v for v in stage.slack.views[shown:] if v.get("callback_id") != "loading"), 0)
    )


def test_another_person_reviews_with_a_button_that_shows_the_facts(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "24h") as stage:
        stage.command(COMMAND, ALICE)
        record = stage.change(ChangeState.PROMOTED).record_id

        form = click_review(stage, record, BOB)
        shown = block_text(form)
        for said in ("INC-42", "checkout is down", "nothing` → `v1.0.0", "approvals"):
            assert said in shown
        refused = stage.submit(form, BOB, verdict="Accept it", reason=" ")
        assert "reason" in json.loads(refused.body)["errors"]
        refused = stage.submit(form, BOB, verdict="", reason="agreed")
        assert "Choose 'Accept it'" in json.loads(refused.body)["errors"]["verdict"]
        stage.submit(form, BOB, verdict="Object to it", reason="staging was not tested")

        [said] = eventually(lambda: stage.private_texts(BOB))
        assert "Your objection is recorded" in said
        eventually(lambda: buttons(messages(stage, f"review:{record}")[0]) == [])
        assert "staging was not tested" in block_text(messages(stage, f"review:{record}")[0])
        newest = stage.platform.engine.history("prod", 1)[0].record
        assert isinstance(newest, ReviewRecord)
        assert (newest.operator, newest.accepted) == ("bob@acme.com", False)
        assert stage.platform.engine.status("prod")[0].state.reviews == ()


def test_person_who_broke_the_glass_and_strangers_get_no_form(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "24h") as stage:
        record = break_elsewhere(stage)
        stage.products.notice(UNNAMED)

        own = click_review(stage, record, ALICE)
        strange = click_review(stage, record, DAVE)

        assert "used this break-glass" in block_text(own)
        assert "Required groups: [release-managers]" in block_text(strange)
        assert "submit" not in own and "submit" not in strange


def test_second_review_changes_nothing(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "1s") as stage:
        record = break_elsewhere(stage)
        stage.products.notice(UNNAMED)
        form = click_review(stage, record, BOB)
        time.sleep(1)
        stage.products.notice(UNNAMED)
        [reminder] = eventually(lambda: messages(stage, f"review:{record}:overdue"))
        assert buttons(reminder) == ["floe_review"]
        review_elsewhere(stage, record)

        stage.submit(form, BOB, verdict="Accept it", reason="it was right")

        [said] = eventually(lambda: stage.private_texts(BOB))
        assert "has no open review: nothing was changed" in said
        stage.products.notice(UNNAMED)
        for key in (f"review:{record}", f"review:{record}:overdue"):
            eventually(lambda key=key: buttons(messages(stage, key)[0]) == [])
        stage.click("floe_review", record, BOB)
        eventually(lambda: "has no open review" in json.dumps(stage.slack.views[-1]))
