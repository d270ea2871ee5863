"""Any text typed to the bot gets an answer that names the problem and pings no person."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bot.stage import ALICE, DEPLOYS, Stage, command_body, stage_in

COMMANDS = ["/promote", "/rollback", "/lock", "/unlock", "/promotions"]
WORDS = st.lists(
    st.sampled_from(
        [
            *("v1.0.0", "v9.9.9", "prod", "staging", "prd", "help", "→", "from", "30m", "9" * 5000),
            *("<!channel>", "<!here>", "<@U02BOB>", "<@U02BOB|bob>", "<#C1|x>", "<!subteam^S1|@x>"),
            *(
                "<!date^1^{date}|x>",
                "<http://evil|<!channel>>",
                "<mailto:a@b|a@b>",
                "&lt;!here&gt;",
            ),
            *(
                "&amp;lt;!here&amp;gt;",
                "`<!here>`",
                "```",
                "＜!channel＞",
                "<@U02BOB",
                "!here>",
                "&lt",
            ),
            *(
                "*b*",
                "\n",
                "\r",
                "\x00",
                "\u202e",
                "\u200b",
                "\u2028",
                "a" * 3000,
                "<" * 3000,
                "{0}",
            ),
            *("%s", "\\", "|", "because"),
            *("—to", "--reason", "–for", "--reason=“", "”", "'", "--to=", "--dry-run", "—help"),
        ]
    )
    | st.text(max_size=10),
    max_size=6,
)
# Text that Slack would turn into a ping or link; times and the requester are our own markup.
_MARKUP = re.compile(r"<(?!!date\^[0-9]+\^\{date_short_pretty\} \{time\}\|)(?!@U01ALICE>)")
QUIETLY = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A bot without a worker. At the end, Slack must have refused no block."""
    with tempfile.TemporaryDirectory() as folder, stage_in(Path(folder), worker=False) as built:
        yield built


def visible_text(stage: Stage) -> str:
    """Return all visible text that Slack received since the last call."""
    slack = stage.slack
    sent = [slack.responses, slack.ephemerals, slack.messages, slack.views]
    text = json.dumps(sent, ensure_ascii=False, default=str)
    slack.responses.clear()
    slack.ephemerals.clear()
    slack.views.clear()
    return text


def assert_pings_nobody(text: str) -> None:
    assert _MARKUP.findall(text) == []
    assert "Traceback" not in text
    assert "nexpected" not in text


@QUIETLY
@given(words=WORDS, between=st.sampled_from([" ", "", "\u00a0"]))
@pytest.mark.parametrize("name", COMMANDS)
def test_any_text_gets_an_answer_that_pings_nobody(
    stage: Stage, name: str, words: list[str], between: str
) -> None:
    visible_text(stage)

    answer = stage.send(command_body(name, between.join(words), ALICE, DEPLOYS))

    assert answer.status == 200
    assert_pings_nobody(str(answer.body) + visible_text(stage))


@pytest.mark.parametrize("name", COMMANDS[:-1])
@pytest.mark.parametrize("typed", ["<!channel> prd", "v1 <!here>", "prd <@U02BOB> because"])
def test_unknown_command_is_named_and_pings_nobody(stage: Stage, name: str, typed: str) -> None:
    answer = stage.send(command_body(name, typed, ALICE, DEPLOYS))

    said = str(answer.body)
    assert "Not " in said
    assert "environment" in said or "version" in said
    assert_pings_nobody(said)


@QUIETLY
@given(words=WORDS)
def test_any_mention_gets_an_answer_that_pings_nobody(stage: Stage, words: list[str]) -> None:
    text = " ".join(["<@U0BOT>", *words])

    answer = stage.event(
        {"type": "app_mention", "user": ALICE, "channel": DEPLOYS, "text": text, "ts": "1.0"}
    )

    assert answer.status == 200
    assert_pings_nobody(visible_text(stage))
