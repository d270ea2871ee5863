"""Secrets that are recognized in any text, also in common encodings."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus


def forms_of(secret: str) -> frozenset[bytes]:
    """Return `secret` plain, percent-encoded, in hexadecimal, and inside longer base64 text."""
    plain = secret.encode()
    forms = {secret, quote(secret, safe=""), quote_plus(secret), plain.hex()}
    return frozenset({text.encode() for text in forms} | _in_base64(plain))


def seen_in(content: bytes, canaries: Mapping[str, str]) -> set[str]:
    """Return the names of the canaries that `content` holds in any form."""
    return {
        name
        for name, secret in canaries.items()
        if any(form in content for form in forms_of(secret))
    }


def leaks(places: Iterable[tuple[str, bytes]], canaries: Mapping[str, str]) -> list[str]:
    """Return `name in place` for each canary and each place that holds it."""
    return sorted(
        f"{name} in {place}" for place, content in places for name in seen_in(content, canaries)
    )


def files_below(folder: Path) -> list[tuple[str, bytes]]:
    """Return every file as a place."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path.relative_to(folder)), path.read_bytes()) for path in files]


def _in_base64(plain: bytes) -> set[bytes]:
    """Return the three base64 alignments that contain it in any context (RFC 4648)."""
    found = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + plain)
        # Characters that share bits with a neighbour or the padding are dropped.
        first = -(-before * 8 // 6)
        own = text[first : (before + len(plain)) * 8 // 6]
        found |= {own, own.translate(bytes.maketrans(b"+/", b"-_"))}
    return found
