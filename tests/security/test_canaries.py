"""The search for secrets finds encoded and plain ones, and nothing else."""

import base64
import logging
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bot.fake_slack import BOT_TOKEN
from tests.bot.stage import SECRET as SIGNING
from tests.peers import local_slack
from tests.peers.canaries import leaks, seen_in
from tests.peers.signing import SigningKey, claims
from tests.secrets import Listener, secrets_in
from tests.security.outside import CANARIES

SECRET = "canary/+ of-1"


@pytest.mark.parametrize("before", ["", "a", "al", "ali", "alic"])
@pytest.mark.parametrize("after", ["", "!", "!!"])
def test_secret_inside_base64_is_found_at_any_alignment(before: str, after: str) -> None:
    whole = f"{before}{SECRET}{after}".encode()

    assert seen_in(base64.b64encode(whole), {"it": SECRET}) == {"it"}
    assert seen_in(base64.urlsafe_b64encode(whole), {"it": SECRET}) == {"it"}


@pytest.mark.parametrize("text", [SECRET, quote(SECRET, safe=""), SECRET.encode().hex()])
def test_plain_and_encoded_secrets_are_found(text: str) -> None:
    found = leaks([("log", f"x{text}y".encode()), ("other", b"")], {"it": SECRET})

    assert found == ["it in log"]


@given(st.binary(max_size=64))
def test_text_without_the_secret_is_clean(content: bytes) -> None:
    assert seen_in(base64.b64encode(content), {"it": SECRET}) == set()


@pytest.mark.parametrize(
    "secret",
    [
        BOT_TOKEN,
        SIGNING,
        local_slack.APP_TOKEN,
        local_slack.SECRET,
        SigningKey.new("ES256").sign(claims("https://id.example.com")),
        *(secret for name, secret in CANARIES.items() if name != "a webhook secret"),
    ],
)
def test_every_test_secret_is_registered_with_the_log_check(secret: str) -> None:
    assert secrets_in(f"text about {secret} is here")


def test_log_check_finds_secrets_in_messages_and_exceptions() -> None:
    listener = Listener()
    logger = logging.Logger("tests.alone")
    logger.addHandler(listener)

    logger.info("signed in with %s", "Bearer 0123456789")
    try:
        raise ValueError("hunter2")
    except ValueError:
        logger.exception("failed")
    logger.info("nothing of note")

    assert listener.heard == [
        "tests.alone: an Authorization header",
        "tests.alone: a secret of the tests",
    ]
