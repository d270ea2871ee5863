"""A repository with one artifact, and the signatures others put beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.sigstore import SigstoreVerifier
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.signature import SignatureVerdict
from tests.builders import EMPTY_CONFIG, Artifact, descriptor, image
from tests.peers import oci_layout
from tests.signatures.sigstore_kit.formats import BUNDLE_V3, Json

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"


@dataclass(frozen=True)
class Layer:
    """A layer of a signature image."""

    payload: bytes
    annotations: Mapping[str, str]
    media_type: str = SIMPLE_SIGNING


class SignedRepository:
    """An image layout written by hand; `manifest` is the signed artifact."""

    def __init__(self, root: Path, manifest: Manifest | None = None) -> None:
        self.root = root
        self.registry = LayoutRegistry.create(root)
        if manifest is None:
            artifact = image(b"platform")
            self.write(artifact, "v1.2.3")
            manifest = artifact.manifest
        self.manifest = manifest
        self.digest = str(manifest.digest)

    def write(self, artifact: Artifact, tag: str | None = None) -> Artifact:
        oci_layout.write(self.root, artifact, tag)
        return artifact

    def tag_legacy(self, *layers: Layer) -> Artifact:
        """Put `layers` where cosign keeps its legacy signatures."""
        tag = f"{self.digest.replace(':', '-')}.sig"
        return self.write(signature_image(*layers), tag)

    def attach(self, bundle: Json | bytes, subject: Manifest | None = None) -> Artifact:
        """Attach `bundle` as cosign does, to `subject` instead of the artifact if given."""
        return self.write(bundle_image(bundle, subject or self.manifest))


def signature_image(*layers: Layer) -> Artifact:
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": descriptor(b"{}", "application/vnd.oci.image.config.v1+json"),
        "layers": [
            descriptor(each.payload, each.media_type, annotations=dict(each.annotations))
            for each in layers
        ],
    }
    manifest = Manifest(json.dumps(document).encode(), IMAGE_MANIFEST)
    return Artifact(manifest, (b"{}", *(each.payload for each in layers)))


def bundle_image(
    bundle: Json | bytes, subject: Manifest, artifact_type: str | None = BUNDLE_V3
) -> Artifact:
    content = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
    said = {"artifactType": artifact_type} if artifact_type else {}
    return image(
        content,
        config_type=EMPTY_CONFIG,
        layer_type=BUNDLE_V3,
        subject=descriptor(subject.content, subject.media_type),
        annotations={"dev.sigstore.bundle.content": "dsse-envelope"},
        **said,
    )


def verdict_of(repository: SignedRepository, verifier: SigstoreVerifier) -> SignatureVerdict:
    return verifier.verify(repository.registry, repository.manifest)
