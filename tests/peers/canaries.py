"""Secrets that are recognised wherever they turn up, encoded as they travel too."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus


def forms_of(secret: str) -> frozenset[bytes]:
    """`secret` plain, percent-encoded, in hexadecimal, and inside of any longer base64 text."""
    plain = secret.encode()
    told = {secret, quote(secret, safe=""), quote_plus(secret), plain.hex()}
    return frozenset({text.encode() for text in told} | _in_base64(plain))


def seen_in(content: bytes, canaries: Mapping[str, str]) -> set[str]:
    """The names of those canaries that are in `content` in any form."""
    return {
        name
        for name, secret in canaries.items()
        if any(form in content for form in forms_of(secret))
    }


def leaks(places: Iterable[tuple[str, bytes]], canaries: Mapping[str, str]) -> list[str]:
    """`name in place`, for each canary and place it is in."""
    return sorted(
        f"{name} in {place}" for place, content in places for name in seen_in(content, canaries)
    )


def files_below(folder: Path) -> list[tuple[str, bytes]]:
    """Every file as a place."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path.relative_to(folder)), path.read_bytes()) for path in files]


def _in_base64(plain: bytes) -> set[bytes]:
    """What stands for it whatever stands before it and after it (RFC 4648): three alignments."""
    found = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + plain)
        # Characters that hold bits of a neighbour, or of the padding, are not its own.
        first = -(-before * 8 // 6)
        own = text[first : (before + len(plain)) * 8 // 6]
        found |= {own, own.translate(bytes.maketrans(b"+/", b"-_"))}
    return found
