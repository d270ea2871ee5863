"""Commands that mention the bot, for threads, where Slack has no commands."""

import pytest

from engine.domain.change import ChangeState
from tests.bot.stage import ALICE, BOB, DEPLOYS, INCIDENT, block_text, eventually
from tests.bot.test_locks import banners


@pytest.mark.requirement("SL-004")
def test_mention_in_a_thread_locks_and_unlocks(stage):
    def mention(text):
        event = {
            "type": "app_mention",
            "user": BOB,
            "channel": INCIDENT,
            "thread_ts": "17.5",
            "text": f"<@U0BOT> {text}",
        }
        assert stage.event(event).status == 200

    mention("lock prod 1h db failover")
    [banner] = eventually(lambda: banners(stage, INCIDENT))
    assert banner["thread_ts"] == "17.5"
    mention("promotions")
    eventually(lambda: [t for t in stage.private_texts(BOB) if "prod nothing" in t])
    mention("unlock prod it is over")
    eventually(lambda: "unlocked" in banners(stage, INCIDENT)[0]["text"])
    mention("lok prod")
    mention("lock prod")
    mention("")
    for answer in (
        "How to use",
        "unknown command 'lok'",
        "the environment or the reason is missing",
    ):
        eventually(lambda answer=answer: [t for t in stage.private_texts(BOB) if answer in t])
    assert {e["thread_ts"] for e in stage.slack.ephemerals} == {"17.5"}


def test_mention_promotes_or_names_the_command(stage):
    def mention(text):
        event = {"type": "app_mention", "user": ALICE, "channel": DEPLOYS, "text": text}
        assert stage.event({**event, "text": f"<@U0BOT> {text}"}).status == 200

    def answers(text):
        return eventually(lambda: [t for t in stage.private_texts(ALICE) if text in t])

    mention("promote v1.0.0 staging prod")
    change = stage.change(ChangeState.AWAITING_APPROVAL)
    assert (change.source, change.target) == ("staging", "prod")
    assert change.requester.name == "alice@acme.com"
    assert answers("Checking `v1.0.0: staging → prod`")

    mention("promote")
    assert answers("the version is missing")
    mention("promote v1.0.0")
    assert answers("the target environment is missing")
    mention("rollback v1.0.0 prod")
    assert answers("a mention cannot open the form of a rollback")
    assert any("/rollback v1.0.0 prod" in block_text(e) for e in stage.slack.ephemerals)
