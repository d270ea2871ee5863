"""Merges the records of several ledgers into one stream, newest first, in constant memory."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from heapq import merge
from itertools import islice, takewhile

from engine.domain.ledger import LedgerEntry
from engine.domain.selection import Selection
from engine.ports import LedgerReader

# The order of a ledger can differ from the order of times by the clock skew of its writers.
MAX_CLOCK_SKEW = timedelta(hours=1)


def select_entries(
    ledger: LedgerReader, environments: Iterable[str], selection: Selection, limit: int | None
) -> Generator[LedgerEntry, None, None]:
    """
    Yield the newest `limit` entries of `environments` that match `selection`; None for all.

    Ledgers are read only as far as the caller iterates. A caller that stops early must close the
    generator.
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
    oldest = selection.since - MAX_CLOCK_SKEW
    return takewhile(lambda entry: entry.record.at >= oldest, entries)
