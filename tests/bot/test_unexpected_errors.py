"""Unexpected errors in a background thread do not stop the bot."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.domain.change import ChangeState
from tests.bot.stage import BOB, DEPLOYS, stage_in


@dataclass
class FailingStore:
    """A store whose feed fails `times` times."""

    store: Any
    times: int = 0

    def events(self, after: int, limit: int) -> Any:
        if self.times:
            self.times -= 1
            raise ZeroDivisionError("the feed has a defect")
        return self.store.events(after, limit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_bot_continues_after_an_error_in_the_feed(tmp_path: Path, caplog) -> None:
    failing: list[FailingStore] = []

    def seen(products):
        failing.append(FailingStore(products.store))
        products.store = failing[0]
        return products

    with stage_in(tmp_path, seen=seen) as stage:
        failing[0].times = 2
        stage.eventually(lambda: not failing[0].times)
        stage.command("/promote v1.0.0 staging prod")
        change = stage.change(ChangeState.AWAITING_APPROVAL)
        stage.approval_request(change)
        stage.click("floe_approve", change.id, BOB)

        stage.eventually(lambda: "Promoted" in stage.slack.in_channel(DEPLOYS)[0]["text"])

    assert "the feed has a defect" in caplog.text
