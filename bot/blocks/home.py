"""The App Home: changes that wait for the user, environments, and the user's requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from bot.blocks.change import change_title
from bot.blocks.elements import (
    Block,
    View,
    button,
    context,
    divider,
    escape,
    format_time,
    header,
    mrkdwn,
    plain_text,
    section,
)
from bot.blocks.rendering_context import RenderingContext
from bot.blocks.status import environment_lines, own_lines
from engine.domain.change import Change
from engine.domain.product import UNNAMED
from engine.domain.status import EnvironmentStatus

OPEN, MUTE, MUTED = "floe_open", "floe_mute", "floe_muted"
_MOST = 20
_MOST_MUTED = 100


@dataclass(frozen=True)
class Waiting:
    """A change that the user may approve; `link` leads to its approval request."""

    change: Change
    link: str | None


def render_home(
    waiting: Sequence[Waiting],
    rows: Sequence[EnvironmentStatus],
    own: Sequence[Change],
    at: datetime,
    rendering: RenderingContext,
    *,
    muted: bool = False,
) -> View:
    blocks: list[Block] = [
        header("waiting", f"Waiting for you ({len(waiting)})"),
        *waiting_blocks(waiting, {UNNAMED: rendering}),
        divider("line"),
        header("environments", "Environments"),
        section("rows", environment_lines(rows, rendering) or "No environments."),
        header("own", "Your requests"),
        section("requests", own_lines([(change, rendering) for change in own])),
        *_direct_messages(_mute_button(muted=muted)),
        context(
            "help", f"`{rendering.commands.promote} help` lists the commands · {format_time(at)}"
        ),
    ]
    return {"type": "home", "callback_id": "floe_home", "blocks": list(blocks)}


def mute_blocks(muted: Sequence[str]) -> list[Block]:
    """Where a person mutes products; `muted` are those that they muted before."""
    chosen: list[JsonValue] = [
        {"text": plain_text(name, 75), "value": name} for name in muted[:_MOST_MUTED]
    ]
    select: Block = {
        "type": "multi_external_select",
        "action_id": MUTED,
        "min_query_length": 1,
        "max_selected_items": _MOST_MUTED,
        "placeholder": plain_text("Mute products"),
    }
    return _direct_messages(select | ({"initial_options": chosen} if chosen else {}))


def _mute_button(*, muted: bool) -> Block:
    return button("Unmute", MUTE, "unmute") if muted else button("Mute", MUTE, "mute")


def _direct_messages(accessory: Block) -> list[Block]:
    text = "You get a direct message when your change ends or needs you, unless you mute it here."
    return [header("direct", "Direct messages"), section("mute", text, accessory)]


def waiting_blocks(
    waiting: Sequence[Waiting], renderings: Mapping[str, RenderingContext]
) -> list[Block]:
    """One block for each change; `renderings` are the settings for messages by product."""
    if not waiting:
        return [section("nothing", "No change waits for your approval.")]
    return [_waiting(each, renderings[each.change.product]) for each in waiting[:_MOST]]


def render_home_error(why: str) -> View:
    return {
        "type": "home",
        "callback_id": "floe_home",
        "blocks": [section("refused", f"*Not shown:* {escape(why, 1500)}")],
    }


def _waiting(each: Waiting, rendering: RenderingContext) -> Block:
    change = each.change
    requested = (
        f"requested by {rendering.mention(change.requester.name)} {format_time(change.created_at)}"
    )
    given = f"{len(change.approvals)} of {change.required} approvals"
    text = f"*{escape(change_title(change))}*\n{requested} · {given}"
    if each.link is None:
        return section(f"wait:{change.id}", text)
    review = button(
        "Review", OPEN, change.id, url=each.link, spoken=f"Review {change_title(change)}"
    )
    return {
        "type": "section",
        "block_id": f"wait:{change.id}",
        "text": mrkdwn(text),
        "accessory": review,
    }


def loading_modal(title_text: str) -> View:
    """The modal that is opened at once, because a trigger id expires after three seconds."""
    return {
        "type": "modal",
        "callback_id": "loading",
        "title": plain_text(title_text, 24),
        "close": plain_text("Close", 24),
        "blocks": [section("loading", "Loading…")],
    }
