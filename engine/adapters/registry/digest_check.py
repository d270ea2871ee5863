"""Whether content is what its digest says, in memory or in a file."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from engine.domain.errors import RegistryAnswerError
from engine.domain.text import printable

_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})", re.ASCII)
_CHUNK_BYTES = 1024 * 1024


def check_name(digest: str) -> None:
    """RegistryAnswerError for what is no sha256 or sha512 digest: it could not be checked."""
    if not _DIGEST.fullmatch(digest):
        raise RegistryAnswerError(
            f"'{printable(digest[:200])}' is no sha256 or sha512 digest: "
            "the blob it names cannot be checked"
        )


def check_digest(digest: str, chunks: Iterable[bytes], place: str) -> None:
    """RegistryAnswerError for `chunks` of `place` that do not hash to `digest`."""
    algorithm, _, expected = digest.partition(":")
    found = hashlib.new(algorithm)
    for chunk in chunks:
        found.update(chunk)
    if found.hexdigest() != expected:
        raise _altered(digest, place)


def check_saved(digest: str, size: int, file: BinaryIO, place: str) -> None:
    """RegistryAnswerError for a file that is not `size` bytes with `digest`."""
    file.flush()
    length = file.seek(0, 2)
    if length != size:
        raise RegistryAnswerError(
            f"blob {digest} of {place} does not have the {size} bytes its descriptor says"
        )
    check_digest(digest, _chunks(file), place)


def checked(digest: str, size: int, pieces: Iterable[bytes], place: str) -> Iterator[bytes]:
    """
    `pieces` as they come, the last one only once all of them are `size` bytes with `digest`, so
    that whoever takes them in never has the whole of anything else. RegistryAnswerError.
    """
    algorithm, _, expected = digest.partition(":")
    found = hashlib.new(algorithm)
    left, held = size, b""
    for piece in pieces:
        found.update(piece)
        left -= len(piece)
        if left < 0:
            break
        if held:
            yield held
        held = piece
    if left:
        raise RegistryAnswerError(
            f"blob {digest} of {place} does not have the {size} bytes its descriptor says"
        )
    if found.hexdigest() != expected:
        raise _altered(digest, place)
    if held:
        yield held


def _altered(digest: str, place: str) -> RegistryAnswerError:
    return RegistryAnswerError(
        f"blob {digest} of {place} has other content than its digest says: "
        "it was altered, on its way or in the registry"
    )


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk
