"""The index of a ledger: every name is found or proven absent in few reads."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.artifact import Digest
from engine.domain.record_index import (
    Link,
    RecordIndex,
    covers_head,
    entries_about,
    index_after,
    key_of,
)


@dataclass(frozen=True)
class Entry:
    sequence: int
    keys: frozenset[str]
    index: RecordIndex

    @property
    def link(self) -> Link:
        return Link(self.sequence, Digest.of(str(self.sequence).encode()))


@dataclass
class Chain:
    """Entries with the given names; `reads` counts the links that were followed."""

    entries: dict[int, Entry] = field(default_factory=dict)
    head: Entry | None = None
    reads: int = 0

    def read(self, link: Link) -> Entry:
        self.reads += 1
        found = self.entries[link.sequence]
        assert found.link == link
        return found

    def add(self, *names: str) -> None:
        keys = frozenset(map(key_of, names))
        index = index_after(self.head, keys, self.read)
        assert covers_head(self.head, keys, index)
        self.head = Entry(len(self.entries) + 1, keys, index)
        self.entries[self.head.sequence] = self.head

    def find(self, name: str) -> list[int]:
        assert self.head is not None
        return [entry.sequence for entry in entries_about(self.head, key_of(name), self.read)]


@pytest.fixture(scope="module")
def long_chain() -> Chain:
    """Entries 1 … 10,000 about a digest and a version each; every tenth is a lock."""
    chain = Chain()
    for number in range(1, 10_001):
        names = () if number % 10 == 0 else (f"sha256:{number:064x}", f"v1.0.{number}")
        chain.add(*names)
    return chain


@given(st.lists(st.sets(st.integers(0, 8), max_size=3), min_size=1, max_size=40))
def test_every_entry_about_a_name_is_found_newest_first(added):
    chain = Chain()
    for names in added:
        chain.add(*map(str, names))

    for name in range(10):
        places = [place for place, names in enumerate(added, 1) if name in names]
        assert chain.find(str(name)) == places[::-1]


@pytest.mark.parametrize("number", [1, 2, 999, 5_001, 9_999])
def test_name_is_found_in_few_reads_at_10_000_records(long_chain: Chain, number: int) -> None:
    long_chain.reads = 0

    assert long_chain.find(f"sha256:{number:064x}") == [number]
    assert long_chain.find(f"v1.0.{number}") == [number]
    assert long_chain.reads <= 2 * 8


def test_absence_is_proven_in_few_reads_at_10_000_records(long_chain: Chain) -> None:
    long_chain.reads = 0
    names = [f"v2.0.{number}" for number in range(200)]

    assert not any(long_chain.find(name) for name in names)
    assert long_chain.reads <= 5 * len(names)


def test_index_of_an_entry_stays_small(long_chain: Chain) -> None:
    sizes = [len(entry.index) for entry in long_chain.entries.values()]

    assert max(sizes) <= 150


def test_index_that_omits_a_branch_does_not_follow():
    chain = Chain()
    for number in range(50):
        chain.add(str(number))
    assert chain.head is not None
    keys = frozenset({key_of("new")})
    index = index_after(chain.head, keys, chain.read)
    omitted = random.Random(1).choice([prefix for prefix in index if len(prefix) == 1])

    assert covers_head(chain.head, keys, index)
    assert not covers_head(chain.head, keys, {p: x for p, x in index.items() if p != omitted})
    assert not covers_head(chain.head, keys, {})


def test_index_that_omits_a_branch_near_a_common_key_does_not_follow():
    chain = Chain()
    for number in range(400):
        chain.add(str(number))
    assert chain.head is not None
    keys = chain.head.keys
    index = index_after(chain.head, keys, chain.read)
    omitted = max((prefix for prefix in index if len(prefix) < 16), key=len)

    assert len(omitted) > 1
    assert covers_head(chain.head, keys, index)
    assert not covers_head(chain.head, keys, {p: x for p, x in index.items() if p != omitted})
