"""A defect that one round of a thread meets does not silence the bot."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.domain.change import ChangeState
from tests.bot.stage import BOB, DEPLOYS, stage_in


@dataclass
class Stumbling:
    """A store whose feed meets a defect once more for each of `times`."""

    store: Any
    times: int = 0

    def events(self, after: int, limit: int) -> Any:
        if self.times:
            self.times -= 1
            raise ZeroDivisionError("the feed has a defect")
        return self.store.events(after, limit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_the_bot_goes_on_after_a_defect_of_the_feed(tmp_path: Path, caplog) -> None:
    stumbling: list[Stumbling] = []

    def seen(platform):
        stumbling.append(Stumbling(platform.store))
        return replace(platform, store=stumbling[0])

    with stage_in(tmp_path, seen=seen) as stage:
        stumbling[0].times = 2
        stage.eventually(lambda: not stumbling[0].times)
        stage.command("/promote v1.0.0 staging prod")
        change = stage.change(ChangeState.AWAITING_APPROVAL)
        stage.approval_request(change)
        stage.click("floe_approve", change.id, BOB)

        stage.eventually(lambda: "Promoted" in stage.slack.in_channel(DEPLOYS)[0]["text"])

    assert "the feed has a defect" in caplog.text
