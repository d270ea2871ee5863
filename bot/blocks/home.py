"""The App Home: what waits for somebody, what runs where, what they asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.blocks.change import title
from bot.blocks.elements import (
    Block,
    View,
    button,
    context,
    divider,
    foreign,
    header,
    mrkdwn,
    plain,
    section,
    when,
)
from bot.blocks.rendering_context import Look
from bot.blocks.status import change_lines, environment_lines
from engine.domain.change import Change
from engine.domain.status import EnvironmentStatus

OPEN = "floe_open"
_MOST = 20


@dataclass(frozen=True)
class Waiting:
    """A change somebody may decide about; `link` leads to where."""

    change: Change
    link: str | None


def home(
    waiting: Sequence[Waiting],
    rows: Sequence[EnvironmentStatus],
    own: Sequence[Change],
    at: datetime,
    look: Look,
) -> View:
    blocks: list[Block] = [header("waiting", f"Waiting for you ({len(waiting)})")]
    blocks += [_waiting(each, look) for each in waiting[:_MOST]]
    if not waiting:
        blocks.append(section("nothing", "Nothing waits for your decision."))
    blocks += [
        divider("line"),
        header("environments", "Environments"),
        section("rows", environment_lines(rows, look) or "There are none."),
        header("own", "Your requests"),
        section("requests", change_lines(own, look) or "You asked for nothing lately."),
        context("help", f"`{look.commands.promote} help` lists the commands · {when(at)}"),
    ]
    return {"type": "home", "callback_id": "floe_home", "blocks": list(blocks)}


def home_refused(why: str) -> View:
    return {
        "type": "home",
        "callback_id": "floe_home",
        "blocks": [section("refused", f"*Not shown:* {foreign(why, 1500)}")],
    }


def _waiting(each: Waiting, look: Look) -> Block:
    change = each.change
    asked = f"asked by {look.person(change.requester.name)} {when(change.created_at)}"
    given = f"{len(change.approvals)} of {change.required} approvals"
    said = f"*{foreign(title(change))}*\n{asked} · {given}"
    if each.link is None:
        return section(f"wait:{change.id}", said)
    review = button("Review", OPEN, change.id, url=each.link, spoken=f"Review {title(change)}")
    return {
        "type": "section",
        "block_id": f"wait:{change.id}",
        "text": mrkdwn(said),
        "accessory": review,
    }


def loading(title_text: str) -> View:
    """What is opened at once, since the right to open ends after three seconds."""
    return {
        "type": "modal",
        "callback_id": "loading",
        "title": plain(title_text, 24),
        "close": plain("Close", 24),
        "blocks": [section("loading", "Loading…")],
    }
