"""Render the answer of `waivers`."""

from cli.output import Answer
from cli.render.table import show
from engine.domain.text import printable
from engine.domain.waiver import show_until
from engine.responses.waivers import WaiversResponse


def render(response: WaiversResponse, *, openvex: bool) -> Answer:
    """With `openvex`, the document for scanners. Raises the error of an unreadable ledger."""
    if response.error:
        raise response.error.exception()
    if openvex:
        return Answer(response.openvex())
    lines = ["No waiver is in force"]
    if response.waivers:
        heads = ("ENVIRONMENT", "VULNERABILITY", "PACKAGE", "UNTIL", "BY", "REASON")
        rows = [
            (
                each.environment,
                printable(each.vulnerability),
                printable(each.package or "every package"),
                show_until(each.until),
                printable(each.operator),
                printable(each.reason),
            )
            for each in response.waivers
        ]
        lines = show(heads, rows)
    return Answer(response, lines)
