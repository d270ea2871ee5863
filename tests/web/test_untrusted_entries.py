"""An entry that no trusted key signed is shown beside its environment, on the page and in Slack."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.blocks.status import environment_lines
from engine.domain.artifact import Digest
from engine.domain.state import EnvironmentState
from engine.domain.status import EnvironmentStatus
from tests.bot.samples import RENDERING
from web.badges import chips

ROW = EnvironmentStatus(
    "prod",
    EnvironmentState(version="v1.0.0"),
    None,
    None,
    ignored=(7, 8),
    untrusted=frozenset({7}),
)


def test_page_shows_every_ignored_entry_as_bad() -> None:
    shown = chips(ROW, (), None, 0, datetime.now(UTC), entry=False)

    bad = [(each.text, each.more) for each in shown if each.tone == "bad" and "entry" in each.text]
    assert bad == [
        (
            "untrusted entry 7 in prod",
            "untrusted entry 7 in prod: no trusted key signed it",
        ),
        ("invalid entry 8 in prod", "invalid entry 8 in prod: it does not continue the ledger"),
    ]


@pytest.mark.parametrize("latest", [None, Digest.of(b"moved")])
def test_slack_warns_of_every_ignored_entry(latest: Digest | None) -> None:
    state = EnvironmentState(version="v1.0.0", digest=str(Digest.of(b"promoted")))
    row = replace(ROW, state=state, latest=latest)

    shown = environment_lines([row], RENDERING)

    assert ":warning: untrusted entry 7 in prod: no trusted key signed it" in shown
    assert ":warning: invalid entry 8 in prod" in shown
