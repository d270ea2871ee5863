"""Merkle tree hashes and proofs over SHA-256 (RFC 6962, section 2.1; RFC 9162, section 2.1)."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

Hash = bytes
Proof = tuple[Hash, ...]


def leaf_hash(entry: bytes) -> Hash:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class CompactRange:
    """The first `size` leaves of a tree, as the hashes of its perfect subtrees, largest first."""

    size: int = 0
    hashes: tuple[Hash, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ValueError(f"{len(self.hashes)} hashes cannot describe {self.size} leaves")
        if any(len(each) != hashlib.sha256().digest_size for each in self.hashes):
            raise ValueError("a hash does not have 32 bytes")

    def append(self, leaf: Hash) -> Self:
        """Return the range with one more leaf."""
        hashes, rest = [*self.hashes, leaf], self.size
        while rest & 1:
            right = hashes.pop()
            hashes.append(node_hash(hashes.pop(), right))
            rest >>= 1
        return type(self)(self.size + 1, tuple(hashes))

    def extend(self, leaves: Iterable[Hash]) -> Self:
        """Return the range with `leaves` appended."""
        extended = self
        for leaf in leaves:
            extended = extended.append(leaf)
        return extended

    @property
    def root(self) -> Hash:
        """The Merkle tree hash of the leaves."""
        if not self.hashes:
            return hashlib.sha256(b"").digest()
        *others, last = self.hashes
        for left in reversed(others):
            last = node_hash(left, last)
        return last


def root_of(leaves: Iterable[Hash]) -> Hash:
    """Compute the Merkle tree hash of `leaves`."""
    return CompactRange().extend(leaves).root


def inclusion_proof(leaves: Sequence[Hash], index: int) -> Proof:
    """Prove that the leaf at `index` is in the tree of `leaves`."""
    proof: list[Hash] = []
    width, place = 1, index
    while width < len(leaves):
        sibling = leaves[(place ^ 1) * width : ((place ^ 1) + 1) * width]
        if sibling:
            proof.append(root_of(sibling))
        width, place = width * 2, place >> 1
    return tuple(proof)


def consistency_proof(before: CompactRange, added: Sequence[Hash]) -> Proof:
    """Prove that `before` is a prefix of the tree that `added` extends it to."""
    size = before.size + len(added)
    if not before.size or not added:
        return ()
    known = list(before.hashes)
    # Begin at the smallest perfect subtree of the old tree. The verifier has its hash if it is
    # the whole old tree.
    width = before.size & -before.size
    place = before.size // width - 1
    smallest = known.pop()
    proof = [smallest] if known else []
    while width < size:
        if place & 1:
            proof.append(known.pop())
        elif (start := (place + 1) * width) < size:
            proof.append(root_of(added[start - before.size : start + width - before.size]))
        width, place = width * 2, place >> 1
    return tuple(proof)


@dataclass(frozen=True, slots=True)
class TreeTail:
    """A tree of which only the last leaves are known: `leaves` follow those of `before`."""

    before: CompactRange
    leaves: tuple[Hash, ...]

    @property
    def size(self) -> int:
        return self.before.size + len(self.leaves)

    def range_at(self, size: int) -> CompactRange:
        """Return the range of the first `size` leaves; ValueError before the known ones."""
        if not self.before.size <= size <= self.size:
            raise ValueError(f"the tree is known from leaf {self.before.size} to {self.size}")
        return self.before.extend(self.leaves[: size - self.before.size])

    def proof_from(self, size: int) -> Proof:
        """Prove that the tree extends its first `size` leaves; ValueError as for `range_at`."""
        return consistency_proof(self.range_at(size), self.leaves[size - self.before.size :])


def verify_inclusion(leaf: Hash, index: int, size: int, proof: Proof, root: Hash) -> bool:
    """Whether `proof` shows that the tree of `size` leaves with `root` has `leaf` at `index`."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for each in proof:
        if not last:
            return False
        if place & 1 or place == last:
            found = node_hash(each, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, each)
        place, last = place >> 1, last >> 1
    return not last and found == root


def verify_consistency(old_size: int, size: int, old_root: Hash, root: Hash, proof: Proof) -> bool:
    """Whether `proof` shows that the tree of `size` leaves extends the one of `old_size`."""
    if not 0 < old_size < size:
        trivial = old_root == root if old_size == size else old_root == root_of(())
        return 0 <= old_size <= size and trivial and not proof
    path = proof if old_size & (old_size - 1) else (old_root, *proof)
    if not path:
        return False
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for each in path[1:]:
        if not last:
            return False
        if place & 1 or place == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, each)
        place, last = place >> 1, last >> 1
    return not last and old == old_root and new == root
