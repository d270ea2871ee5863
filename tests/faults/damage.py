"""Ways to damage files: truncate, overwrite, delete, or replace them."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

_PAGE = 4096
Damage = Callable[[Path], None]


def _cut(keep: float) -> Damage:
    def cut(path: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * keep)])

    return cut


def _in_place(content: bytes) -> Damage:
    def overwrite(path: Path) -> None:
        path.write_bytes(content)

    return overwrite


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (a)")


def _head_only(path: Path) -> None:
    """Keep the first page and the length, and zero the rest."""
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:_PAGE].ljust(size, b"\0"))


# SQLite takes these for empty databases.
EMPTY = {"gone": Path.unlink, "nothing": _in_place(b""), "one byte": _in_place(b"S")}
# In each of these, every query of the database fails.
LOST = {
    "in the header": _in_place(b"SQLite format 3\0" + b"\x10\x00"),
    "text": _in_place(b"no database " * 500),
    "zeros": _in_place(bytes(8 * _PAGE)),
    "a directory": _directory,
    "another program's": _another_program,
}
# These may only fail for some queries.
HURT = {
    "a quarter": _cut(0.25),
    "half": _cut(0.5),
    "all but a bit": _cut(0.99),
    "head only": _head_only,
}
JSON = {
    "nothing": _in_place(b""),
    "half": _cut(0.5),
    "no text": _in_place(bytes(range(256)) * 8),
    "another shape": _in_place(b'["heads", {"noted": 3}]'),
    "deep": _in_place(b"[" * 100_000),
    "deep and whole": _in_place(b'{"heads":' * 5000 + b"1" + b"}" * 5000),
    "a huge number": _in_place(b'{"heads": {"r": {"staging": {"sequence": 1e999}}}}'),
    "a directory": _directory,
}


def pages(path: Path, seed: int = 5) -> Iterator[bytes]:
    """Yield the database file with some bytes of one page overwritten, for each page in turn."""
    whole, chance = path.read_bytes(), random.Random(seed)
    for start in range(0, len(whole), _PAGE):
        at = start + chance.randrange(100, _PAGE // 2)
        length = chance.choice([8, 200, 2000])
        garbage = chance.randbytes(length)
        yield whole[:at] + garbage + whole[at + length :]
