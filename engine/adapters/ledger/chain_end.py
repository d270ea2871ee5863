"""
Finds the end of a ledger: the newest entry that counts.

The head tag is only a hint, which may be old, moved or missing. The chain is followed by the tags
of the entries until a number is free. A number whose content does not continue the chain is a
void: it is skipped, and never written.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from engine.adapters.ledger.distrusted_tail import DistrustedTail
from engine.adapters.ledger.encoding import head_tag, read_sequence_tag, sequence_tag
from engine.adapters.ledger.entries import PARALLEL, EntryReader, corrupt
from engine.domain.artifact import Digest
from engine.domain.ledger import ChainEnd, LedgerEntry, continues
from engine.domain.manifest import Manifest

# A void costs one read until the next entry skips it; more than these need a person.
_MAX_VOIDS = 1000


def find_end(entries: EntryReader, environment: str, expected: int | None) -> ChainEnd:
    """
    Find the end of the ledger of `environment`.

    `expected` is the newest number seen before: 0 if the ledger was empty, None if it is unknown.
    The number after it is probed together with the hint; for an empty ledger, the tags are listed.
    """
    fetch = entries.reader.fetch
    probed: dict[int, Manifest | None] = {}
    with ThreadPoolExecutor(1) as pool:
        probe = pool.submit(fetch, sequence_tag(environment, expected + 1)) if expected else None
        listing = pool.submit(_tagged_numbers, entries, environment) if expected == 0 else None
        hint = fetch(head_tag(environment))
        if expected and probe is not None:
            probed[expected + 1] = probe.result()
    base, digest = entries.valid(hint, environment), hint.digest if hint else None
    if base is None:
        numbers = listing.result() if listing else _tagged_numbers(entries, environment)
        if not numbers:
            return ChainEnd(None, hint=digest)
        base = _newest_tagged(entries, environment, numbers)
    return _roll_forward(entries, environment, ChainEnd(base, hint=digest), probed)


def _roll_forward(
    entries: EntryReader, environment: str, start: ChainEnd, probed: dict[int, Manifest | None]
) -> ChainEnd:
    head, hint, voided = start.head, start.hint, dict[int, Digest]()
    untrusted, tail = set[int](), DistrustedTail(entries)
    for number, manifest in _following(entries, environment, start.next_sequence, probed):
        entry = entries.readable(manifest, environment)
        is_trusted = entry is not None and entries.trusts(entry, head)
        end = ChainEnd(head, voided)
        counts = entry and is_trusted and continues(entry, end, number)
        if entry and (counts or tail.is_vouched_by(entry, number)):
            head, voided, tail = entry, {}, DistrustedTail(entries)
            untrusted.clear()
        else:
            tail.add(entry, number, manifest.digest, end)
            voided[number] = manifest.digest
            if entries.verifies and not is_trusted:
                untrusted.add(number)
        if len(voided) > _MAX_VOIDS:
            raise corrupt(environment, f"{len(voided)} tags after its end have no valid entry")
    return ChainEnd(head, voided, hint, frozenset(untrusted))


def _following(
    entries: EntryReader, environment: str, first: int, probed: dict[int, Manifest | None]
) -> Iterator[tuple[int, Manifest]]:
    """Yield the content of the numbers from `first` on, up to the first free one."""
    number, portion, fetch = first, 1, entries.reader.fetch
    with ThreadPoolExecutor(PARALLEL) as pool:
        while True:
            numbers = range(number, number + portion)
            unread = [each for each in numbers if each not in probed]
            tags = [sequence_tag(environment, each) for each in unread]
            probed |= zip(unread, pool.map(fetch, tags), strict=True)
            for each in numbers:
                manifest = probed[each]
                if manifest is None:
                    return
                yield each, manifest
            number, portion = number + portion, min(portion * 2, PARALLEL * 2)


def _tagged_numbers(entries: EntryReader, environment: str) -> list[int]:
    """
    The numbers with a tag, newest first.

    The tags are listed, because a retention rule may have removed the oldest ones, so the absence
    of entry 1 proves nothing.
    """
    listed = (read_sequence_tag(tag) for tag in entries.reader.tags())
    return sorted((each[1] for each in listed if each and each[0] == environment), reverse=True)


def _newest_tagged(
    entries: EntryReader, environment: str, numbers: list[int]
) -> LedgerEntry | None:
    """The newest entry among `numbers` that continues the entry before it."""
    for number in numbers[:_MAX_VOIDS]:
        manifest = entries.reader.fetch(sequence_tag(environment, number))
        entry = entries.valid(manifest, environment)
        if entry is not None and _is_linked(entries, entry, number):
            return entry
    return None


def _is_linked(entries: EntryReader, entry: LedgerEntry, number: int) -> bool:
    """Whether `entry` continues the one before it; a lost one is left to the audit."""
    linked = entries.reader.fetch(entry.previous) if entry.previous else None
    if entry.previous and linked is None:
        return entry.sequence == number
    before = entries.readable(linked, entry.environment)
    return entries.trusts(entry, before) and continues(entry, ChainEnd(before), number)
