"""The overview of several products: changes that wait for a person, and their products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.blocks.elements import (
    SECTION,
    Block,
    Payload,
    View,
    actions,
    context,
    divider,
    escape,
    format_time,
    header,
    join_lines,
    link,
    plain_text,
    section,
)
from bot.blocks.home import Waiting, mute_blocks, waiting_blocks
from bot.blocks.rendering_context import RenderingContext
from bot.blocks.status import deployed, own_lines
from engine.config.people import SlashCommands
from engine.domain.change import Change
from engine.domain.errors import PromotionError
from engine.domain.status import EnvironmentStatus

SEARCH = "floe_search"
# None if the registry has not answered yet.
Rows = tuple[EnvironmentStatus, ...] | PromotionError | None


@dataclass(frozen=True)
class Overview:
    """
    The view of one person on several products.

    `products` are theirs, with the status; there are `more` of them. `broken` names those that
    cannot be used. `renderings` are the settings for messages of each product.
    """

    waiting: Sequence[Waiting]
    products: Mapping[str, Rows]
    more: int
    broken: Sequence[str]
    at: datetime
    commands: SlashCommands
    renderings: Mapping[str, RenderingContext]
    page: str | None = None


def render_overview(overview: Overview) -> Payload:
    """Render the answer to /promotions without a product."""
    count = len(overview.waiting)
    page = f" · {link(overview.page, 'status page')}" if overview.page else ""
    blocks = (
        header("waiting", f"Waiting for you ({count})"),
        *waiting_blocks(overview.waiting, overview.renderings),
        *_products(overview),
        context("ctx", f"Only you can see this · as of {format_time(overview.at)}{page}"),
    )
    changes = "1 change waits" if count == 1 else f"{count} changes wait"
    return Payload(f"{changes} for you. Your products: {_names(overview)}", blocks)


def render_home_of_products(
    overview: Overview, own: Sequence[tuple[Change, RenderingContext]], muted: Sequence[str] = ()
) -> View:
    """Render the App Home where products have names; `muted` send no direct messages."""
    blocks: list[Block] = [
        header("waiting", f"Waiting for you ({len(overview.waiting)})"),
        *waiting_blocks(overview.waiting, overview.renderings),
        divider("line"),
        *_products(overview),
        actions("find", _search()),
        header("own", "Your requests"),
        section("requests", own_lines(own)),
        *mute_blocks(muted),
        context(
            "help",
            f"`{overview.commands.promote} help` lists the commands · {format_time(overview.at)}",
        ),
    ]
    return {"type": "home", "callback_id": "floe_home", "blocks": list(blocks)}


def _search() -> Block:
    return {
        "type": "external_select",
        "action_id": SEARCH,
        "min_query_length": 1,
        "placeholder": plain_text("Search products and versions"),
    }


def _products(overview: Overview) -> list[Block]:
    lines = [
        _product(name, rows, overview.renderings[name]) for name, rows in overview.products.items()
    ]
    if overview.more:
        lines.append(f"…and {overview.more} more")
    if overview.broken:
        names = escape(", ".join(overview.broken), 500)
        lines.append(f":warning: cannot be used: {names}")
    empty = "You used no product yet."
    hint = f"`{overview.commands.promotions} {_example(overview)}` shows one product"
    return [
        header("products", "Your products"),
        section("rows", join_lines(lines, SECTION) or empty),
        context("one", hint),
    ]


def _product(name: str, rows: Rows, rendering: RenderingContext) -> str:
    shown = f"*{link(rendering.page, name)}*" if rendering.page else f"*{name}*"
    if rows is None:
        return f"{shown} :warning: its registry has not answered yet"
    if isinstance(rows, PromotionError):
        return f"{shown} :warning: cannot be read: {escape(str(rows), 200)}"
    return f"{shown} {' · '.join(map(_environment, rows))}"


def _environment(row: EnvironmentStatus) -> str:
    warning = " :warning:" if row.error or row.deviates else ""
    return f"{row.name} {escape(deployed(row), 60)}{warning}{' :lock:' if row.lock else ''}"


def _names(overview: Overview) -> str:
    return ", ".join(overview.products) or "none"


def _example(overview: Overview) -> str:
    return next(iter(overview.products), next(iter(overview.renderings), "checkout"))
