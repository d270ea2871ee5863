"""Checks content against its digest, in memory, in a file or in a stream."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from engine.domain.errors import RegistryAnswerError
from engine.domain.text import printable

_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})", re.ASCII)
_CHUNK_BYTES = 1024 * 1024


def check_name(digest: str) -> None:
    """RegistryAnswerError if `digest` is not a sha256 or sha512 digest."""
    if not _DIGEST.fullmatch(digest):
        raise RegistryAnswerError(
            f"'{printable(digest[:200])}' is not a sha256 or sha512 digest, so its blob cannot be "
            "checked"
        )


def check_digest(digest: str, chunks: Iterable[bytes], place: str) -> None:
    """RegistryAnswerError if `chunks`, read from `place`, do not match `digest`."""
    algorithm, _, expected = digest.partition(":")
    found = hashlib.new(algorithm)
    for chunk in chunks:
        found.update(chunk)
    if found.hexdigest() != expected:
        raise _altered(digest, place)


def check_saved(digest: str, size: int, file: BinaryIO, place: str) -> None:
    """RegistryAnswerError if `file` does not have `size` bytes that match `digest`."""
    file.flush()
    length = file.seek(0, 2)
    if length != size:
        raise RegistryAnswerError(
            f"blob {digest} of {place} does not have the {size} bytes its descriptor says"
        )
    check_digest(digest, _chunks(file), place)


def check_stream(digest: str, size: int, pieces: Iterable[bytes], place: str) -> Iterator[bytes]:
    """
    Yield `pieces`; the last one only after all of them were checked, so that the receiver never
    gets a complete wrong blob. RegistryAnswerError if they do not match `size` and `digest`.
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
        f"blob {digest} of {place} does not match its digest: it was altered in the registry or "
        "on the network"
    )


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk
