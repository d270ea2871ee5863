"""Checkpoints: the size and root of a log at one moment (https://c2sp.org/tlog-checkpoint)."""

import re
from dataclasses import dataclass
from typing import Self

from engine.domain.tlog.merkle import CompactRange, Hash
from engine.domain.tlog.note import SignedNote, decode_base64, encode_base64

_SIZE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The root of the first `size` entries of the log named `origin`."""

    origin: str
    size: int
    root: Hash

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text of a note; ValueError if it is not a checkpoint."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise ValueError("a checkpoint has an origin, a size and a root, each in one line")
        origin, size, root = lines[:3]
        if not _SIZE.fullmatch(size):
            raise ValueError("the size of a checkpoint must be a decimal number")
        found = decode_base64(root)
        if len(found) != 32:
            raise ValueError("the root of a checkpoint must have 32 bytes")
        return cls(origin, int(size), found)

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """
    A signed checkpoint, and the range of all its entries but the last.

    With the last entry, the range gives the root. So the checkpoint is checked against a ledger,
    and extended, without the entries before.
    """

    note: SignedNote
    before: CompactRange

    @property
    def checkpoint(self) -> Checkpoint:
        """The parsed text of the note; ValueError if it is not a checkpoint."""
        return Checkpoint.parse(self.note.text)
