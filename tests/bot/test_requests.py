"""Requests of Slack: signatures, redeliveries, errors and load."""

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from bot.app import run_bot
from bot.http_endpoint import slack_blueprint
from bot.tokens import Tokens
from engine.config import load_config
from engine.domain.change import ChangeState
from engine.domain.errors import ConfigError
from tests.bot.fake_slack import BOT_TOKEN
from tests.bot.stage import (
    ALICE,
    BOB,
    DEPLOYS,
    SECRET,
    click_body,
    command_body,
    eventually,
)


@pytest.mark.requirement("SL-005")
@pytest.mark.parametrize("age", [310, -310])
def test_request_with_an_old_or_future_timestamp_is_refused(stage, age):
    answer = stage.command("/promote v1.0.0 prod", age=age)

    assert answer.status == 401
    assert stage.platform.store.recent(10) == ()


def test_request_within_five_minutes_is_accepted(stage):
    assert stage.command("/promote help", age=290).status == 200


@pytest.mark.requirement("SL-005")
@pytest.mark.parametrize(
    "headers",
    [
        {"x-slack-signature": "v0=" + "0" * 64},
        {"x-slack-signature": ""},
        {"x-slack-signature": "v0=ÿ"},
        {"x-slack-request-timestamp": "now"},
        {"x-slack-request-timestamp": "²"},
        {"x-slack-request-timestamp": ""},
        {"x-slack-request-timestamp": "9" * 400},
    ],
)
def test_forged_request_is_refused(stage, headers):
    answer = stage.command("/promote v1.0.0 prod", headers=headers)

    assert answer.status == 401
    assert stage.platform.store.recent(10) == ()


def test_both_secrets_are_accepted_during_a_rotation(stage):
    config = load_config(stage.folder / "manifest.yaml", {})
    tokens = Tokens(BOT_TOKEN, ("the-new-secret", SECRET), None, stage.slack.url)
    stage.stop()
    stage.start()

    with run_bot(stage.products, config, tokens, stage.tempo) as bot:
        stage.bot = bot
        answers = [
            stage.command("/promote help", secret=secret).status
            for secret in ("the-new-secret", SECRET, "another")
        ]

    assert answers == [200, 200, 401]


@pytest.mark.requirement("SL-005")
def test_redelivered_command_has_one_effect(stage):
    body = command_body("/promote", "v1.0.0 prod", ALICE, DEPLOYS)
    retry = {"x-slack-retry-num": "1", "x-slack-retry-reason": "http_timeout"}

    answers = [stage.send(body), stage.send(body), stage.send(body, headers=retry)]
    change = stage.change(ChangeState.AWAITING_APPROVAL)

    assert {answer.status for answer in answers} == {200}
    stage.approval_request(change)
    assert len(stage.platform.store.recent(10)) == 1
    assert len(stage.slack.in_channel(DEPLOYS)) == 1
    assert stage.private_texts(ALICE) == []


@pytest.mark.requirement("SL-005")
def test_redelivered_event_has_one_effect(stage):
    mention = {
        "type": "app_mention",
        "user": BOB,
        "channel": DEPLOYS,
        "text": "<@U0BOT> lock prod  INC-1",
    }

    for _ in range(3):
        stage.event(mention, "Ev-one", headers={"x-slack-retry-num": "1"})

    eventually(lambda: stage.platform.engine.status()[2].lock)
    eventually(lambda: len(stage.slack.in_channel(DEPLOYS)) == 1)
    assert not [text for text in stage.private_texts(BOB) if "Not locked" in text]


@pytest.mark.requirement("SL-001")
def test_repeated_command_finds_the_open_change(stage):
    change = stage.waiting_change()

    stage.command("/promote v1.0.0 prod", user="U04DAVE")

    eventually(lambda: [t for t in stage.private_texts("U04DAVE") if change.id in t])
    assert len(stage.platform.store.recent(10)) == 1


def test_redelivery_after_a_restart_is_ignored(stage):
    body = command_body("/promote", "v1.0.0 prod", ALICE, DEPLOYS)
    stage.send(body)
    change = stage.change(ChangeState.AWAITING_APPROVAL)
    stage.platform.changes.reject(change.id, stage.operator("bob@acme.com"), "no", "cli")

    stage.restart()
    stage.send(body)
    time.sleep(0.5)

    assert [c.id for c in stage.platform.store.recent(10)] == [change.id]


@pytest.mark.requirement("SL-001")
@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("/promote v1.0.0 prd", "Did you mean prod?"),
        ("/promote prod v1.0.0", "Try `/promote v1.0.0 prod`"),
        ("/promote v1.0.0 dev prod", "Required path: dev -> staging -> prod"),
        ("/lock prd 30m db", "Not locked"),
        ("/unlock prd db", "Not unlocked"),
        ("/promotions prd", "Not shown"),
        ("/rollback v1.0.0", "/rollback v1.0.0 prod"),
        ("/promote help", "/promote v1.2.3 staging prod"),
        ("/lock", "/lock prod 30m"),
        ("/unlock", "How to use /unlock"),
        ("/rollback help", "prod needs 1 approval from release-managers"),
    ],
)
def test_invalid_command_is_answered_at_once_and_privately(stage, typed, text):
    answer = stage.command(typed)

    body = json.loads(answer.body)
    assert answer.status == 200
    assert body["response_type"] == "ephemeral"
    assert text in json.dumps(body, ensure_ascii=False).replace("-&gt;", "->")
    assert stage.slack.messages == []


def test_failing_listener_answers_with_an_incident_id(stage, caplog):
    broken = command_body("/promote", "v1.0.0 prod", ALICE, DEPLOYS)
    stage.bot.dispatcher.accept = None  # not callable, to cause an unexpected error

    answer = stage.send(broken)

    assert answer.status == 200
    assert "Not done" in answer.body
    assert "incident" in answer.body
    assert "a listener failed unexpectedly" in caplog.text


@pytest.mark.requirement("SL-001")
def test_request_is_answered_in_time_while_listeners_are_busy(stage):
    gone = threading.Event()

    @stage.bot.app.command("/slow")
    def slow(ack):
        gone.wait(20)
        ack()

    with ThreadPoolExecutor(31) as crowd:
        for _ in range(31):
            crowd.submit(stage.command, "/slow")
        time.sleep(0.3)
        began = time.monotonic()
        answer = stage.command("/promote v1.0.0 prod")
        took = time.monotonic() - began
        gone.set()

    assert answer.status == 200
    assert took < 3


def test_many_requests_do_not_fill_the_listeners(stage):
    stage.slack.users.clear()

    with ThreadPoolExecutor(40) as crowd:
        answers = list(crowd.map(lambda _: stage.command("/promotions"), range(80)))

    assert {answer.status for answer in answers} == {200}
    eventually(lambda: len(stage.private_texts(ALICE)) == 80)


@pytest.mark.parametrize(
    "body",
    [
        {"payload": "{"},
        {"payload": json.dumps({"type": "block_actions"})},
        {"payload": json.dumps({"type": "view_submission", "view": None})},
        {"command": "/promote"},
        {"command": "/promote", "text": "v1.0.0 prod", "user_id": ALICE},
        {},
    ],
)
def test_unsigned_http_requests_never_cause_a_server_error(stage, body):
    app = Flask("test")
    app.register_blueprint(slack_blueprint(stage.bot.app))
    client = app.test_client()

    unsigned = client.post("/slack/events", data=body)

    assert unsigned.status_code in (400, 401)


def test_http_route_requires_a_signature_and_post(stage):
    app = Flask("test")
    app.register_blueprint(slack_blueprint(stage.bot.app))
    challenge = {"type": "url_verification", "challenge": "abc"}

    refused = app.test_client().post("/slack/events", json=challenge)
    answer = stage.send(challenge, form=False)

    assert refused.status_code == 401
    assert "abc" in answer.body
    assert app.test_client().get("/slack/events").status_code == 405


def test_secrets_of_requests_are_never_logged(stage, caplog):
    caplog.set_level(logging.DEBUG)
    stage.command("/promote v1.0.0 prod", secret="wrong")
    stage.command("/rollback prod")
    stage.command("/unknown")
    stage.slack.fail("users.info", 500, times=5)
    stage.command("/promotions")
    stage.slack.fail("respond", 404, times=3)
    stage.command("/promotions", user="U0NOBODY")
    eventually(lambda: stage.private_texts(ALICE))
    stage.click("floe_approve", "c-nothing", BOB)
    eventually(lambda: stage.private_texts(BOB))

    for secret in ("trigger-secret", BOT_TOKEN, SECRET, "/response/"):
        assert secret not in caplog.text


def test_secrets_are_removed_from_the_database(stage):
    stage.command("/promotions")
    eventually(lambda: stage.private_texts(ALICE))
    stage.stop()

    kept = b"".join(file.read_bytes() for file in (stage.folder / ".floe").glob("bot.db*"))

    assert b"trigger-secret" not in kept
    assert b"/response/" not in kept
    assert (stage.folder / ".floe/bot.db").stat().st_mode & 0o077 == 0
    stage.start()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"SLACK_BOT_TOKEN": "x", "SLACK_SIGNING_SECRET": "s"}, (("s",), None)),
        ({"SLACK_BOT_TOKEN": "x", "SLACK_APP_TOKEN": "a"}, ((), "a")),
        (
            {
                "SLACK_BOT_TOKEN": "x",
                "SLACK_SIGNING_SECRET": "s",
                "SLACK_SIGNING_SECRET_PREVIOUS": "p",
            },
            (("s", "p"), None),
        ),
    ],
)
def test_tokens_are_read_from_the_environment(environ, expected):
    tokens = Tokens.from_environ(environ)

    assert (tokens and (tokens.signing_secrets, tokens.app_token)) == expected
    assert "x" not in repr(tokens).replace("Tokens", "").replace("None", "")


def test_bot_token_alone_is_refused():
    with pytest.raises(ConfigError, match="set one of them"):
        Tokens.from_environ({"SLACK_BOT_TOKEN": "x"})


def test_click_on_an_unknown_button_is_acknowledged(stage):
    body = click_body("another_apps_button", "x", BOB)

    assert stage.send({"payload": json.dumps(body)}).status == 200
