"""Records of several ledgers as one stream, newest first, without holding them all."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from heapq import merge
from itertools import islice, takewhile

from engine.domain.ledger import LedgerEntry
from engine.domain.selection import Selection
from engine.ports import LedgerReader

# Records of one ledger are in the order they were made, by machines whose clocks may differ.
_CLOCKS_APART = timedelta(hours=1)


def selected(
    ledger: LedgerReader, environments: Iterable[str], selection: Selection, limit: int | None
) -> Generator[LedgerEntry, None, None]:
    """
    The newest `limit` records of `environments` that `selection` admits; None for all of them.

    A ledger is read as far as somebody goes on asking; who stops early closes it.
    """
    with ExitStack() as stack:
        walks = [stack.enter_context(closing(ledger.walk(name))) for name in environments]
        newest_first = merge(
            *(_since(walk, selection) for walk in walks),
            key=lambda entry: entry.record.at,
            reverse=True,
        )
        yield from islice((e for e in newest_first if selection.matches(e.record)), limit)


def _since(entries: Iterator[LedgerEntry], selection: Selection) -> Iterator[LedgerEntry]:
    if selection.since is None:
        return entries
    oldest = selection.since - _CLOCKS_APART
    return takewhile(lambda entry: entry.record.at >= oldest, entries)
