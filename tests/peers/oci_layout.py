"""OCI image layouts written by hand (image-spec 1.1)."""

import json
from pathlib import Path

from tests.builders import Artifact, descriptor

_NAME = "org.opencontainers.image.ref.name"


def write(root: Path, artifact: Artifact, tag: str | None = None) -> None:
    """Add `artifact` to the layout at `root` under `tag`, and move an existing tag."""
    blobs = root / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    for part in artifact.whole():
        for content in (*part.blobs, part.manifest.content):
            name = descriptor(content, "")["digest"].removeprefix("sha256:")
            (blobs / name).write_bytes(content)
    index = root / "index.json"
    listed = json.loads(index.read_text())["manifests"] if index.exists() else []
    kept = [e for e in listed if tag is None or e.get("annotations", {}).get(_NAME) != tag]
    entry = descriptor(artifact.manifest.content, artifact.manifest.media_type)
    if tag is not None:
        entry["annotations"] = {_NAME: tag}
    index.write_text(json.dumps({"schemaVersion": 2, "manifests": [*kept, entry]}))


def untag(root: Path, tag: str) -> None:
    """Remove `tag` from the index, as a retention rule does."""
    path = root / "index.json"
    index = json.loads(path.read_text())
    name = "org.opencontainers.image.ref.name"
    index["manifests"] = [
        each for each in index["manifests"] if each.get("annotations", {}).get(name) != tag
    ]
    path.write_text(json.dumps(index))


def lose(root: Path, tag: str) -> None:
    """Remove the manifest of `tag`, but not the tag."""
    listed = json.loads((root / "index.json").read_text())["manifests"]
    [digest] = [e["digest"] for e in listed if e.get("annotations", {}).get(_NAME) == tag]
    (root / "blobs" / "sha256" / digest.removeprefix("sha256:")).unlink()
