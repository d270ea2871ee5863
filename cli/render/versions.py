"""Render the answer of `versions`."""

import shlex

from cli.output import Answer
from cli.render.table import show
from engine.domain.text import printable
from engine.responses.versions import VersionsResponse

# The versions of a page.
LIMIT = 20


def render(response: VersionsResponse, environment: str | None, limit: int) -> Answer:
    """A row for each version, and the command for the next page with the same options."""
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
        words = ["--env", environment] if environment else []
        words += ["--limit", str(limit)] if limit != LIMIT else []
        following = shlex.join(["floe", "platform", "versions", *words, "--after", response.next])
        lines.append(f"{shown}. Older ones: {following}")
    unread = tuple(f"{name} cannot be read: {why}" for name, why in response.unread.items())
    return Answer(response, lines, warnings=unread)
