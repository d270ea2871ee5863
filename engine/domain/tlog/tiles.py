"""Static files of a log: tiles of hashes, and bundles of entries (https://c2sp.org/tlog-tiles)."""

from collections.abc import Iterator, Sequence

from engine.domain.tlog.merkle import Hash, root_of

WIDTH = 256
MAX_ENTRY_BYTES = 0xFFFF


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Name the tile at `index` of `level`, or the bundle for the level `entries`."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def hash_tiles(leaves: Sequence[Hash]) -> Iterator[tuple[str, bytes]]:
    """Yield the path and content of each tile of the tree of `leaves`."""
    level, row = 0, leaves
    while row:
        tiles = [row[start : start + WIDTH] for start in range(0, len(row), WIDTH)]
        for index, tile in enumerate(tiles):
            yield tile_path(level, index, len(tile)), b"".join(tile)
        level, row = level + 1, [root_of(tile) for tile in tiles if len(tile) == WIDTH]


def bundle_paths(size: int) -> Iterator[tuple[str, int]]:
    """Yield the path of each bundle of a log of `size` entries, and its number of entries."""
    for start in range(0, size, WIDTH):
        count = min(WIDTH, size - start)
        yield tile_path("entries", start // WIDTH, count), count


def pack_entries(entries: Sequence[bytes]) -> bytes:
    """Join entries to a bundle; ValueError for one of more than 65,535 bytes."""
    for each in entries:
        if len(each) > MAX_ENTRY_BYTES:
            raise ValueError(
                f"an entry of {len(each)} bytes does not fit into a tile, which allows "
                f"{MAX_ENTRY_BYTES}"
            )
    return b"".join(len(each).to_bytes(2) + each for each in entries)


def unpack_entries(bundle: bytes) -> tuple[bytes, ...]:
    """Split a bundle into its entries; ValueError if it ends within one."""
    entries, place = [], 0
    while place < len(bundle):
        start = place + 2
        place = start + int.from_bytes(bundle[start - 2 : start])
        if place > len(bundle):
            raise ValueError("the bundle ends within an entry")
        entries.append(bundle[start:place])
    return tuple(entries)
