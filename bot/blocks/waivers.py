"""The list of waivers in force, with buttons to ask for one and to end one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.blocks.elements import (
    Block,
    Payload,
    actions,
    button,
    code,
    context,
    escape,
    format_time,
    header,
    section,
)
from bot.blocks.rendering_context import RenderingContext
from engine.domain.errors import UsageError
from engine.domain.product import UNNAMED
from engine.domain.status import EnvironmentStatus
from engine.domain.waiver import Waiver, waiver_key

WAIVE, END_WAIVER = "floe_waive", "floe_unwaive"
# A message has 50 blocks.
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class WaiverPlace:
    """The waiver of a button."""

    environment: str
    vulnerability: str
    package: str = ""
    product: str = UNNAMED

    @classmethod
    def read(cls, value: str) -> "WaiverPlace":
        """Parse the value of a button; UsageError for another one."""
        try:
            return cls(*json.loads(value))
        except (ValueError, TypeError) as error:
            raise UsageError("This button names no waiver, so nothing was done") from error

    @property
    def value(self) -> str:
        return json.dumps([self.environment, self.vulnerability, self.package, self.product])

    @property
    def key(self) -> str:
        return waiver_key(self.vulnerability, self.package or None)

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments of an action about it."""
        return {
            "target": self.environment,
            "vulnerability": self.vulnerability,
            "package": self.package,
            "product": self.product,
        }


def render_waivers(
    rows: Sequence[EnvironmentStatus], at: datetime, rendering: RenderingContext
) -> Payload:
    title = f"Waivers of {rendering.product}" if rendering.product else "Waivers"
    found = [(row.name, waiver) for row in rows for waiver in row.waivers]
    blocks: list[Block] = [header("h", title)]
    blocks += [
        _waiver(place, environment, waiver, rendering)
        for place, (environment, waiver) in enumerate(found[:_SHOWN])
    ]
    lines = [
        f"{row.name} cannot be read: {escape(str(row.error), 300)}" for row in rows if row.error
    ]
    if not found and not lines:
        lines.append("No vulnerability is waived.")
    if len(found) > _SHOWN:
        more = len(found) - _SHOWN
        lines.append(
            f"…and {more} more: {code(rendering.use_slash_commands('floe platform waivers'))}"
        )
    if lines:
        blocks.append(section("notes", "\n".join(lines)))
    # The value of a button is never empty, and no name of a product is a dash.
    ask = button("Waive…", WAIVE, rendering.product or "-", spoken="Ask for a waiver")
    blocks.append(actions("ask", ask))
    blocks.append(context("ctx", f"Only you can see this · as of {format_time(at)}"))
    return Payload(f"{title}: {len(found)}", tuple(blocks))


def _waiver(place: int, environment: str, waiver: Waiver, rendering: RenderingContext) -> Block:
    shown = f"*{escape(environment)}* {code(waiver.key, 400)} {escape(waiver.description, 200)}"
    text = f"{shown}\n> {escape(waiver.reason, 300)}"
    named = (environment, waiver.vulnerability, waiver.package or "", rendering.product)
    end = button("End…", END_WAIVER, WaiverPlace(*named).value, spoken=f"End {waiver.key}")
    return section(f"waiver:{place}", text, end)
