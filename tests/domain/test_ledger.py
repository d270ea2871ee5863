"""The links of the ledger: any entry is a few hops from the head."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.artifact import Digest
from engine.domain.ledger import LedgerEntry, ancestors_after, next_hop
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.state import EMPTY
from tests.domain.records import a_promotion


def chain(length: int) -> dict[int, LedgerEntry]:
    """Build the entries 1 … length, each with distinct manifest bytes."""
    entries: dict[int, LedgerEntry] = {}
    head = None
    record = a_promotion()
    for sequence in range(1, length + 1):
        manifest = Manifest(str(sequence).encode(), IMAGE_MANIFEST)
        links = ancestors_after(head, sequence)
        head = LedgerEntry("prod", sequence, links, record, EMPTY, manifest)
        entries[sequence] = head
    return entries


ENTRIES = chain(1100)


def hops(start: int, goal: int) -> int:
    entry, count = ENTRIES[start], 0
    while entry.sequence != goal:
        hop = next_hop(entry, goal)
        assert entry.ancestors[hop] == Digest.of(str(hop).encode())
        entry, count = ENTRIES[hop], count + 1
    return count


@given(st.integers(1, 1100), st.integers(1, 1100))
def test_every_entry_is_reached_from_every_later_one_in_few_hops(one, other):
    start, goal = max(one, other), min(one, other)

    assert hops(start, goal) <= 2 * start.bit_length()


@pytest.mark.parametrize("sequence", [2, 3, 17, 1024, 1100])
def test_the_entry_just_before_is_always_linked(sequence):
    assert ENTRIES[sequence].previous == ENTRIES[sequence - 1].digest


def test_number_of_links_is_logarithmic():
    assert max(len(entry.ancestors) for entry in ENTRIES.values()) <= 11


def test_the_first_entry_links_to_nothing():
    assert ENTRIES[1].ancestors == {}
    assert ENTRIES[1].previous is None
