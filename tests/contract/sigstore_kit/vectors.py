"""Test vectors of sigstore's own projects, which are not part of this one."""

import base64
import json
import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[4] / "shared" / "vectors"


def vectors() -> Path:
    """The folder of sigstore's vectors; a test fails without it, since nothing else replaces it."""
    root = Path(os.environ.get("FLOE_TEST_VECTORS") or _BESIDE) / "sigstore"
    if not root.is_dir():
        pytest.fail(f"no test vectors in {root}: name their folder in FLOE_TEST_VECTORS")
    return root


def directory_signature(file: Path) -> tuple[bytes, dict[str, str]]:
    """Payload and annotations of a signature as the `dir:` transport of skopeo keeps it."""
    content = file.read_bytes()
    if content.startswith(b"../"):  # A symbolic link, as its text.
        content = (file.parent / content.decode()).read_bytes()
    document = json.loads(content.removeprefix(b"\0sigstore-json\n"))
    return base64.b64decode(document["payload"]), document["annotations"]
