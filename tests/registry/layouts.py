"""Looking into, and writing into, an image layout behind the back of the code under test."""

import json
from pathlib import Path
from typing import Any

from engine.domain.artifact import Digest
from tests.builders import Artifact, descriptor

NAME = "org.opencontainers.image.ref.name"


def listed(root: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((root / "index.json").read_text())["manifests"]
    return entries


def list_also(root: Path, *entries: dict[str, Any], **fields: object) -> None:
    """Write `entries` into the index, and `fields` beside them, as another tool would."""
    document = json.loads((root / "index.json").read_text())
    document["manifests"] += entries
    (root / "index.json").write_text(json.dumps({**document, **fields}))


def blob_path(root: Path, content: bytes) -> Path:
    return root / "blobs" / "sha256" / Digest.of(content).hex


def entry(artifact: Artifact, **extra: object) -> dict[str, Any]:
    return descriptor(artifact.manifest.content, artifact.manifest.media_type, **extra)


def named(artifact: Artifact, name: str) -> dict[str, Any]:
    return entry(artifact, annotations={NAME: name})
