"""The records of the ledgers, as a server has them: page after page, newest first."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cli.remote import responses
from cli.remote.client import Api
from cli.remote.errors import ServerUnavailableError
from cli.render.told import Told

_PAGE = 500
_LOOK_SECONDS = 0.5
# A server that begins reads ten thousand records in less.
_PATIENCE_SECONDS = 600.0


class _Page(Told):
    records: list[Any]
    next: str | None
    unread: dict[str, int]


def records(
    api: Api,
    filters: Mapping[str, str | None],
    limit: int | None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[responses.ToldEntry]:
    """The newest `limit` records that `filters` admit, or all of them."""
    after: str | None = None
    left = limit
    told: set[tuple[str, int]] = set()
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        page = _page(api, {**filters, "limit": str(size), "after": after}, pause)
        yield from _new(map(responses.entry, page.records[:size]), told)
        after = page.next if page.records else None
        if after is None:
            return
        left = None if left is None else left - len(page.records)


def _new(
    entries: Iterator[responses.ToldEntry], told: set[tuple[str, int]]
) -> Iterator[responses.ToldEntry]:
    """`entries`, none of which was `told` before: pages that come round again have no end."""
    for entry in entries:
        place = (entry.environment, entry.sequence)
        if place in told:
            raise responses.StrangeAnswerError("a history that begins anew")
        told.add(place)
        yield entry


def _page(api: Api, query: Mapping[str, str | None], pause: Callable[[float], None]) -> _Page:
    """A page without gaps: a server that has just begun is still reading what is older."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            page = TypeAdapter(_Page).validate_python(api.get("history", query))
        except ValidationError as error:
            raise responses.StrangeAnswerError("a history without records") from error
        if not page.unread:
            return page
        if time.monotonic() > end:
            raise ServerUnavailableError(
                f"{api.place} has yet to read {sum(page.unread.values())} older records: ask "
                "again later"
            )
        pause(_LOOK_SECONDS)
