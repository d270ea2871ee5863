"""Render the answer of `versions`."""

from cli.output import Answer
from cli.render.table import show
from engine.domain.text import printable
from engine.responses.versions import VersionsResponse


def render(response: VersionsResponse) -> Answer:
    """A row for each version, and the command for the next page."""
    heads = ("VERSION", "WHERE", "CAN GO TO")
    rows = [
        (
            printable(each.version),
            printable(each.description),
            printable(", ".join(each.promotable_to) or "-"),
        )
        for each in response.versions
    ]
    lines = show(heads, rows) if rows else ["No version is published"]
    if response.next is not None:
        shown = f"{len(rows)} of {response.total} versions"
        lines.append(f"{shown}. Older ones: floe platform versions --after {response.next}")
    unread = tuple(f"{name} cannot be read: {why}" for name, why in response.unread.items())
    return Answer(response, lines, warnings=unread)
