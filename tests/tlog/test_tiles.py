"""The files of a static log have the names and contents of the tlog-tiles standard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.adapters.ledger.encoding import encode
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.ledger import ChainEnd, draft_after
from engine.domain.tlog.merkle import leaf_hash, root_of
from engine.domain.tlog.tiles import (
    bundle_paths,
    hash_tiles,
    pack_entries,
    tile_path,
    unpack_entries,
)
from tests.domain.records import a_promotion


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ((0, 0), "tile/0/000"),
        ((0, 1234067), "tile/0/x001/x234/067"),
        ((1, 1000, 17), "tile/1/x001/000.p/17"),
        (("entries", 999, 255), "tile/entries/999.p/255"),
    ],
)
def test_tile_paths(arguments, path):
    assert tile_path(*arguments) == path


def test_tiles_of_the_example_in_the_standard():
    leaves = [leaf_hash(b"%d" % each) for each in range(70_000)]

    tiles = dict(hash_tiles(leaves))

    assert sum(path.startswith("tile/0/") and ".p" not in path for path in tiles) == 273
    partial = {path: len(tile) // 32 for path, tile in tiles.items() if ".p/" in path}
    assert partial == {"tile/0/273.p/112": 112, "tile/1/001.p/17": 17, "tile/2/000.p/1": 1}
    assert tiles["tile/1/000"][:32] == root_of(leaves[:256])
    assert tiles["tile/2/000.p/1"] == root_of(leaves[:65536])


def test_full_tile_has_a_partial_tile_above_it():
    tiles = dict(hash_tiles([leaf_hash(b"")] * 256))

    assert {path: len(tile) for path, tile in tiles.items()} == {
        "tile/0/000": 8192,
        "tile/1/000.p/1": 32,
    }


def test_empty_log_has_no_files():
    assert not dict(hash_tiles([]))
    assert not list(bundle_paths(0))


def test_bundles_of_a_log():
    assert list(bundle_paths(257)) == [("tile/entries/000", 256), ("tile/entries/001.p/1", 1)]


@given(st.lists(st.binary(max_size=300)))
def test_bundle_survives_being_written_and_parsed(entries):
    assert unpack_entries(pack_entries(entries)) == tuple(entries)


@given(st.binary(max_size=50))
def test_any_bytes_are_entries_or_refused(content):
    try:
        entries = unpack_entries(content)
    except ValueError:
        return
    assert pack_entries(entries) == content


@pytest.mark.parametrize("bundle", [b"\x00", b"\x00\x01", b"\x00\x00\x00", b"\xff\xffabc"])
def test_bundle_that_ends_within_an_entry_is_refused(bundle):
    with pytest.raises(ValueError, match="ends within an entry"):
        unpack_entries(bundle)


def test_entry_of_64_kib_is_refused():
    assert unpack_entries(pack_entries([b"x" * 65535])) == (b"x" * 65535,)
    with pytest.raises(ValueError, match="65536 bytes does not fit"):
        pack_entries([b"x" * 65536])


@pytest.mark.parametrize("length", [5_000, 14_000, 20_000, 200_000])
@pytest.mark.parametrize("character", ["x", '"', "\\", "\x01", "ä"])
def test_entry_of_a_record_with_large_details_fits(character, length):
    details = {"output": character * length}
    gate = GateResult(gate=GateKind.TESTS, status=GateStatus.PASSED, details=details)
    record = a_promotion(gate_results=(gate,))

    manifest, _ = encode(draft_after(ChainEnd(None), record, None, {}.__getitem__))

    assert unpack_entries(pack_entries([manifest.content])) == (manifest.content,)
