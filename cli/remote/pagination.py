"""Read the history of a server page by page, newest records first."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from cli.remote.client import Api
from cli.remote.errors import ServerUnavailableError
from cli.remote.responses import StrangeAnswerError, read
from engine.responses.record import HistoryPageResponse, RecordResponse

_PAGE = 500
_LOOK_SECONDS = 0.5
# A server that starts reads ten thousand records in less.
_PATIENCE_SECONDS = 600.0


def records(
    api: Api,
    filters: Mapping[str, str | None],
    limit: int | None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[RecordResponse]:
    """The newest `limit` records that match `filters`, or all of them."""
    after: str | None = None
    left = limit
    seen: set[tuple[str, int]] = set()
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        page = _page(api, {**filters, "limit": str(size), "after": after}, pause)
        yield from _unseen(page.records[:size], seen)
        after = page.next if page.records else None
        if after is None:
            return
        left = None if left is None else left - len(page.records)


def _unseen(
    records: Iterable[RecordResponse], seen: set[tuple[str, int]]
) -> Iterator[RecordResponse]:
    """`records`, each once: the pages of a broken server may loop for ever."""
    for each in records:
        place = (each.environment, each.sequence)
        if place in seen:
            raise StrangeAnswerError("the pages of its history repeat")
        seen.add(place)
        yield each


def _page(
    api: Api, query: Mapping[str, str | None], pause: Callable[[float], None]
) -> HistoryPageResponse:
    """A page without gaps; waits for a server that has just started and still reads records."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        page = read(HistoryPageResponse, api.get("history", query))
        if not page.unread:
            return page
        if time.monotonic() > end:
            raise ServerUnavailableError(
                f"{api.place} has yet to read {sum(page.unread.values())} older records: ask "
                "again later"
            )
        pause(_LOOK_SECONDS)
