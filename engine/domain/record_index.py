"""
The index of a ledger by digest and version, kept in its entries.

It is a persistent trie over hashed names: an entry links, for every prefix of its own keys, to the
newest earlier entry on each other branch. So a reader finds the newest entry about a name, or
proves that there is none, in O(log n) reads from any head, and every step is a link by digest.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from engine.domain.artifact import Digest
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.release_records import ReleaseRecord
from engine.domain.upkeep_records import AcknowledgeRecord

# Readers compare the name in the record too, so two names with one key cost only a read.
_DIGITS = 16
_BRANCHES = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Link:
    """An earlier entry."""

    sequence: int
    digest: Digest


# The newest earlier entry for each prefix of keys.
RecordIndex = Mapping[str, Link]


class IndexedEntry(Protocol):
    """The parts of an entry that the index needs."""

    @property
    def link(self) -> Link: ...
    @property
    def keys(self) -> frozenset[str]: ...
    @property
    def index(self) -> RecordIndex: ...


E = TypeVar("E", bound=IndexedEntry)


def key_of(name: str) -> str:
    """The key of a digest or a version."""
    return hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]


def keys_of(record: AnyRecord) -> frozenset[str]:
    """The keys of the artifact that `record` brings or takes, or of the content it acknowledges."""
    match record:
        case PromotionRecord() | ReleaseRecord():
            names = {record.artifact_digest, record.version}
        case RollbackRecord():
            names = {record.artifact_digest, record.version, record.previous_digest or ""} - {""}
        case AcknowledgeRecord():
            names = {record.void_digest}
        case _:
            return frozenset()
    return frozenset(map(key_of, names))


def index_after(head: E | None, keys: frozenset[str], read: Callable[[Link], E]) -> dict[str, Link]:
    """The index of an entry with `keys` that follows `head`. `read` reads a linked entry."""
    index: dict[str, Link] = {}
    for key in keys or {""}:
        newest = head
        for depth in range(len(key) + 1):
            if newest is None:
                break
            prefix = key[:depth]
            if depth and depth == len(key):
                index[key] = newest.link
                break
            branches = _branches(newest, prefix)
            index |= {p: link for p, link in branches.items() if not _covers(keys, p)}
            link = branches.get(key[: depth + 1]) if key else None
            newest = newest if link == newest.link else read(link) if link else None
    return index


def entries_about(head: E, key: str, read: Callable[[Link], E]) -> Iterator[E]:
    """Yield the entries up to `head` that have `key`, newest first."""
    entry: E | None = head
    while entry is not None:
        if key in entry.keys:
            yield entry
        link = next((link for p, link in entry.index.items() if key.startswith(p)), None)
        entry = read(link) if link else None


def covers_head(head: IndexedEntry | None, keys: frozenset[str], index: RecordIndex) -> bool:
    """
    Whether `index` is that of an entry with `keys` after `head`, as far as `head` shows it: its
    first branches, and those on the way to a common key.
    """
    known = head.keys if head else frozenset()
    # The branches of the last digit include the entries with a key of this one.
    prefixes = {key[:depth] for key in keys for depth in range(_DIGITS - 1)}
    for prefix in {p for p in prefixes if _covers(known, p)} | {""}:
        expected = _branches(head, prefix) if head else {}
        found = {p: x for p, x in index.items() if p[:-1] == prefix}
        if found != {p: x for p, x in expected.items() if not _covers(keys, p)}:
            return False
    return all(head and index.get(key) == head.link for key in keys & known)


def _branches(entry: IndexedEntry, prefix: str) -> dict[str, Link]:
    """The newest entry up to `entry` on each branch at `prefix`, of which `entry` has a key."""
    found = {}
    for digit in _BRANCHES:
        branch = prefix + digit
        link = entry.link if _covers(entry.keys, branch) else entry.index.get(branch)
        if link is not None:
            found[branch] = link
    return found


def _covers(keys: frozenset[str], prefix: str) -> bool:
    return any(key.startswith(prefix) for key in keys)
