"""Text from people: bounded when it comes in, on one line when it is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.errors import UsageError
from engine.domain.text import printable, reason_text


@given(st.text())
def test_shown_text_never_moves_the_cursor(text):
    shown = printable(text)

    assert shown.isprintable() or all(c.isprintable() or c.isspace() for c in shown)
    assert not set(shown) & set("\n\r\x1b\x00\x9b‮\u2028")


def test_ordinary_text_is_shown_as_it_is():
    assert printable("Ünïcode → “quotes” 🚀") == "Ünïcode → “quotes” 🚀"


@pytest.mark.parametrize(
    ("text", "problem"), [("  ", "empty"), ("x" * 2001, "2001 characters"), ("a\udc80", "UTF-8")]
)
def test_a_reason_that_cannot_be_kept_is_refused(text, problem):
    with pytest.raises(UsageError, match=problem):
        reason_text(text)
