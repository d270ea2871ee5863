"""Untrusted text: bounded on input, on one line on output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.errors import UsageError
from engine.domain.text import mask_secret_values, mask_secrets, printable, reason_text


@given(st.text())
def test_printable_text_has_no_control_characters(text):
    shown = printable(text)

    assert shown.isprintable() or all(c.isprintable() or c.isspace() for c in shown)
    assert not set(shown) & set("\n\r\x1b\x00\x9b‮\u2028")


def test_printable_keeps_ordinary_text():
    assert printable("Ünïcode → “quotes” 🚀") == "Ünïcode → “quotes” 🚀"


@pytest.mark.parametrize(
    ("text", "problem"), [("  ", "empty"), ("x" * 2001, "2001 characters"), ("a\udc80", "UTF-8")]
)
def test_invalid_reason_is_refused(text, problem):
    with pytest.raises(UsageError, match=problem):
        reason_text(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://robot:S3CRET@h/x", "https://…h/x"),
        ("https://h/x?sig=S3CRET&n=1 failed", "https://h/x?… failed"),
        ("Authorization: Bearer S3CRET", "Authorization: Bearer …"),
        ('"password": "open sesame", "n": 1', '"password": …, "n": 1'),
        ("client_secret=sesame&n=1", "client_secret=…&n=1"),
        ("got eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0. instead", "got … instead"),
        ("bearer token missing; token: expired", "bearer token missing; token: expired"),
        ("tag token-v1.0 exists. Why? Ask us.", "tag token-v1.0 exists. Why? Ask us."),
    ],
)
def test_credentials_in_quoted_text_are_masked(text, shown):
    assert mask_secrets(text) == shown


def test_credentials_in_json_are_masked_at_any_depth():
    value = [{"Password": ["a"], "inner": {"apiKey": 1, "tag": "//a:b@c"}}, 7, None]

    assert mask_secret_values(value) == [
        {"Password": "…", "inner": {"apiKey": "…", "tag": "//…c"}},
        7,
        None,
    ]
