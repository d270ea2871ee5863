"""OCI artifacts for tests, as bytes, written by hand and never by the code under test."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.domain.manifest import IMAGE_INDEX, IMAGE_MANIFEST, Manifest

IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
IMAGE_LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"


@dataclass(frozen=True)
class Artifact:
    """A manifest with all content it names."""

    manifest: Manifest
    blobs: tuple[bytes, ...] = ()
    children: tuple["Artifact", ...] = ()

    def whole(self) -> Iterator["Artifact"]:
        """Return the artifact, children first: the order that registries require."""
        for child in self.children:
            yield from child.whole()
        yield self


def descriptor(content: bytes, media_type: str, **extra: object) -> dict[str, Any]:
    """Return an OCI descriptor of `content`; `extra` holds further fields in OCI's spelling."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(content), **extra}


def image(
    *layers: bytes,
    config: bytes = b"{}",
    config_type: str = IMAGE_CONFIG,
    layer_type: str = IMAGE_LAYER,
    indent: int | None = None,
    **extra: object,
) -> Artifact:
    """Return an image manifest; `indent` and `extra` fields would be lost by re-serialising."""
    layers = layers or (b"layer",)
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": descriptor(config, config_type),
        "layers": [descriptor(layer, layer_type) for layer in layers],
        **extra,
    }
    return Artifact(Manifest(_json(document, indent), IMAGE_MANIFEST), (config, *layers))


def index(*children: Artifact, indent: int | None = None, **extra: object) -> Artifact:
    """Return an image index of `children`."""
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_INDEX,
        "manifests": [
            descriptor(child.manifest.content, child.manifest.media_type) for child in children
        ],
        **extra,
    }
    return Artifact(Manifest(_json(document, indent), IMAGE_INDEX), children=children)


def referrer(
    subject: Manifest,
    artifact_type: str,
    content: bytes = b"{}",
    annotations: Mapping[str, str] | None = None,
) -> Artifact:
    """Return a manifest of `artifact_type` with `content`, attached to `subject`."""
    return image(
        content,
        config_type=EMPTY_CONFIG,
        layer_type="application/json",
        artifactType=artifact_type,
        subject=descriptor(subject.content, subject.media_type),
        annotations=dict(annotations or {}),
    )


def shapes() -> dict[str, Artifact]:
    """Return every kind of manifest that must keep its bytes, by name."""
    return {
        "compact": image(b"compact"),
        "indented": image(b"indented", indent=3),
        "with unknown fields": image(b"unknown", zebra={"ä": [1, 2.50, None]}, indent=1),
        "index": index(image(b"amd64"), image(b"arm64", indent=2), indent=4),
    }


def _json(document: dict[str, Any], indent: int | None) -> bytes:
    separators = (",", ":") if indent is None else (", ", ": ")
    return json.dumps(document, indent=indent, separators=separators).encode()
