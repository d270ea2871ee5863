"""Any signed Slack payload is answered in time and changes nothing by accident."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bot.stage import Stage, command_body, stage_in

WORDS = st.text(max_size=40) | st.lists(
    st.sampled_from(
        ["v9.9.9", "v1.0.0", "prod", "prd", "from", "to", "help", "→", "\x00", "<@U1>"]
    ),
    max_size=5,
).map(" ".join)
COMMANDS = ["/promote", "/rollback", "/lock", "/unlock", "/promotions"]
QUIETLY = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def open_stage() -> Iterator[Stage]:
    # Without a worker, requests drawn by accident are only counted.
    with tempfile.TemporaryDirectory() as folder, stage_in(Path(folder), worker=False) as built:
        yield built


@QUIETLY
@given(
    fields=st.dictionaries(st.sampled_from(["text", "user_id", "channel_id"]), WORDS), words=WORDS
)
@pytest.mark.parametrize("name", COMMANDS)
def test_any_payload_text_is_acknowledged(
    open_stage: Stage, name: str, fields: dict[str, str], words: str
) -> None:
    body = command_body(name, words, "U01ALICE", "C01DEPLOY") | fields

    answer = open_stage.send(body)

    assert answer.status == 200
    assert "Traceback" not in str(answer.body)
