"""Signed but malformed requests are refused with one log line and no server error."""

import json
import logging
import time

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from bot.http_endpoint import slack_blueprint
from bot.request_verification import find_malformed_field
from tests.bot.stage import BOB, SECRET, click_body

_VALUES = st.sampled_from(
    [None, True, 3, "", "x", [], [3], {}, {"id": 3}, {"type": None}, {"callback_id": []}]
)
_NAMES = (
    "type actions event view user team channel authorizations callback_id action_id enterprise "
    "message container command"
)
_CLICK = click_body("floe_approve", "c-00000000", BOB)


@pytest.fixture
def client(stage):
    app = Flask("test")
    app.register_blueprint(slack_blueprint(stage.bot.app))
    return app.test_client()


def post_signed(client, written, kind="application/json"):
    timestamp = str(int(time.time()))
    verifier = SignatureVerifier(SECRET)
    headers = {
        "content-type": kind,
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": verifier.generate_signature(timestamp=timestamp, body=written) or "",
    }
    return client.post("/slack/events", data=written, headers=headers)


@pytest.mark.requirement("SL-005")
@pytest.mark.parametrize(
    "body",
    [
        {"type": "block_actions", "actions": []},
        {"type": "block_actions", "actions": "x"},
        {"type": "block_actions", "actions": ["x"]},
        {"type": "block_actions", "actions": [{"action_id": 3}]},
        {**_CLICK, "user": 3},
        {**_CLICK, "authorizations": [3]},
        {"type": "view_submission", "view": None},
        {"type": "view_submission", "view": {"callback_id": ["x"]}},
        {"type": "view_submission", "view": {"callback_id": "another"}},
        {"type": "event_callback", "event": {"type": 3}},
        {"type": "event_callback", "event": []},
        {"type": "event_callback", "event": 3},
        {**_CLICK, "event": None},
        {"command": ["/promote"]},
        [],
        3,
    ],
)
def test_malformed_signed_body_is_refused_with_one_log_line(client, caplog, body):
    answer = post_signed(client, json.dumps(body))

    assert answer.status_code == 400
    [line] = [record for record in caplog.records if record.name.startswith("bot.")]
    assert line.levelno == logging.WARNING
    assert line.exc_info is None


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sent=st.sampled_from(
        [
            _CLICK,
            {"type": "view_submission", "user": {"id": BOB}, "view": {"callback_id": "reject"}},
            {"type": "event_callback", "event": {"type": "app_mention", "user": BOB}},
            {"type": "shortcut", "callback_id": "lock_from_message", "user": {"id": BOB}},
            {"command": "/promote", "text": "v1.0.0 prod", "user_id": BOB},
        ]
    ),
    changed=st.dictionaries(
        st.sampled_from(_NAMES.split()),
        _VALUES,
        max_size=3,
    ),
)
def test_signed_requests_never_cause_a_server_error(client, sent, changed):
    answer = post_signed(client, json.dumps(sent | changed))

    assert answer.status_code in (200, 400, 404)


def test_requests_of_slack_are_well_formed():
    assert find_malformed_field(_CLICK) is None
    assert find_malformed_field({"command": "/promote", "text": "", "token": "x"}) is None
    assert (
        find_malformed_field({**_CLICK, "actions": [{"type": "button", "action_id": None}]}) is None
    )
    assert find_malformed_field({**_CLICK, "actions": [{"action_id": 3}]}) == "actions.0.action_id"
