"""Merkle trees agree with RFC 6962, with known hashes and with a naive implementation."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.tlog.merkle import (
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The test tree of the Certificate Transparency reference implementation.
ENTRIES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# Index, size, proof.
INCLUSION = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
]
# Old size, size, proof.
CONSISTENCY = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]

leaves = st.lists(st.binary(max_size=3), max_size=70).map(lambda es: [leaf_hash(e) for e in es])


def naive_root(hashes):
    """The definition of MTH in RFC 6962, section 2.1."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    split = 1 << (len(hashes) - 1).bit_length() - 1
    left, right = naive_root(hashes[:split]), naive_root(hashes[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def naive_path(index, hashes):
    """The definition of PATH in RFC 6962, section 2.1.1."""
    if len(hashes) < 2:
        return []
    split = 1 << (len(hashes) - 1).bit_length() - 1
    if index < split:
        return [*naive_path(index, hashes[:split]), naive_root(hashes[split:])]
    return [*naive_path(index - split, hashes[split:]), naive_root(hashes[:split])]


def naive_proof(old, hashes, known=True):
    """The definition of SUBPROOF in RFC 6962, section 2.1.2."""
    if old == len(hashes):
        return [] if known else [naive_root(hashes)]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    if old <= split:
        return [*naive_proof(old, hashes[:split], known), naive_root(hashes[split:])]
    return [*naive_proof(old - split, hashes[split:], False), naive_root(hashes[:split])]


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size):
    assert root_of(map(leaf_hash, ENTRIES[:size])).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
def test_known_inclusion_proofs(index, size, proof):
    tree = [leaf_hash(each) for each in ENTRIES[:size]]

    assert [each.hex() for each in inclusion_proof(tree, index)] == proof


@pytest.mark.parametrize(("old", "size", "proof"), CONSISTENCY)
def test_known_consistency_proofs(old, size, proof):
    tree = [leaf_hash(each) for each in ENTRIES[:size]]
    before = CompactRange().extend(tree[:old])

    assert [each.hex() for each in consistency_proof(before, tree[old:])] == proof


@given(leaves)
def test_root_is_the_naive_root(tree):
    assert root_of(tree) == naive_root(tree)


@given(leaves, st.data())
def test_range_extended_in_two_steps_is_the_same_range(tree, data):
    cut = data.draw(st.integers(0, len(tree)))

    assert CompactRange().extend(tree[:cut]).extend(tree[cut:]) == CompactRange().extend(tree)


@given(leaves.filter(bool), st.data())
def test_inclusion_proof_is_the_naive_one_and_verifies(tree, data):
    index = data.draw(st.integers(0, len(tree) - 1))

    proof = inclusion_proof(tree, index)

    assert list(proof) == naive_path(index, tree)
    assert verify_inclusion(tree[index], index, len(tree), proof, root_of(tree))


@given(leaves.filter(bool), st.data())
def test_consistency_proof_is_the_naive_one_and_verifies(tree, data):
    old = data.draw(st.integers(1, len(tree)))
    before = CompactRange().extend(tree[:old])

    proof = consistency_proof(before, tree[old:])

    assert list(proof) == naive_proof(old, tree)
    assert verify_consistency(old, len(tree), before.root, root_of(tree), proof)


@given(leaves.filter(bool), st.data())
def test_altered_inclusion_proof_is_refused(tree, data):
    index = data.draw(st.integers(0, len(tree) - 1))
    leaf, proof, root = tree[index], inclusion_proof(tree, index), root_of(tree)

    assert not verify_inclusion(leaf_hash(b"other"), index, len(tree), proof, root)
    assert not verify_inclusion(leaf, index, len(tree), (*proof, leaf), root)
    assert not verify_inclusion(leaf, len(tree), len(tree), proof, root)
    for place in range(len(proof)):
        altered = (*proof[:place], leaf_hash(b"other"), *proof[place + 1 :])
        assert not verify_inclusion(leaf, index, len(tree), altered, root)
        assert not verify_inclusion(leaf, index, len(tree), proof[:place], root)


@given(leaves.filter(bool), st.data())
def test_consistency_of_a_rewritten_history_is_refused(tree, data):
    old = data.draw(st.integers(1, len(tree)))
    changed = data.draw(st.integers(0, old - 1))
    before = CompactRange().extend(tree[:old])
    rewritten = [*tree[:changed], leaf_hash(b"other"), *tree[changed + 1 :]]
    again = CompactRange().extend(rewritten[:old])

    proof = consistency_proof(again, rewritten[old:])

    assert not verify_consistency(old, len(tree), before.root, root_of(rewritten), proof)


@given(leaves.filter(bool), st.data())
def test_altered_consistency_proof_is_refused(tree, data):
    old = data.draw(st.integers(1, len(tree)))
    before, root = CompactRange().extend(tree[:old]), root_of(tree)
    proof = consistency_proof(before, tree[old:])

    assert not verify_consistency(old, len(tree), before.root, root, (*proof, root))
    for place in range(len(proof)):
        altered = (*proof[:place], leaf_hash(b"other"), *proof[place + 1 :])
        assert not verify_consistency(old, len(tree), before.root, root, altered)
        assert not verify_consistency(old, len(tree), before.root, root, proof[:place])


@pytest.mark.parametrize(("old", "size"), [(3, 2), (-1, 2), (2, -1)])
def test_consistency_of_impossible_sizes_is_refused(old, size):
    assert not verify_consistency(old, size, root_of(()), root_of(()), ())


def test_every_tree_extends_the_empty_one():
    tree = [leaf_hash(each) for each in ENTRIES]

    assert consistency_proof(CompactRange(), tree) == ()
    assert verify_consistency(0, 8, root_of(()), root_of(tree), ())
    assert not verify_consistency(0, 8, root_of(tree), root_of(tree), ())


@pytest.mark.parametrize(("size", "count"), [(3, 1), (0, 1), (-1, 0)])
def test_range_with_a_wrong_number_of_hashes_is_refused(size, count):
    with pytest.raises(ValueError, match="cannot describe"):
        CompactRange(size, (leaf_hash(b""),) * count)


def test_range_with_a_short_hash_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        replace(CompactRange(1, (leaf_hash(b""),)), hashes=(b"short",))
