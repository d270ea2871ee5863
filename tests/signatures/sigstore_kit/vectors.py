"""Test vectors of sigstore's own projects, which are not part of this one."""

import base64
import json
from pathlib import Path

_VECTORS = Path(__file__).parents[2] / "vectors" / "sigstore"


def vectors() -> Path:
    """The folder of sigstore's vectors; SOURCES.md there names their origins and licences."""
    return _VECTORS


def directory_signature(file: Path) -> tuple[bytes, dict[str, str]]:
    """Payload and annotations of a signature as the `dir:` transport of skopeo keeps it."""
    content = file.read_bytes()
    if content.startswith(b"../"):  # A symbolic link, as its text.
        content = (file.parent / content.decode()).read_bytes()
    document = json.loads(content.removeprefix(b"\0sigstore-json\n"))
    return base64.b64decode(document["payload"]), document["annotations"]
