"""Mirrors for tests: from any registry to any other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.registry.mirror import RegistryMirror
from engine.adapters.registry.mirror.directory import DirectorySide
from engine.adapters.registry.mirror.remote import RemoteSide
from engine.adapters.registry.mirror.side import Side
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.manifest import Manifest
from engine.ports import Registry
from engine.ports.secondary import CopiedArtifact, TagCopy
from tests.builders import IMAGE_CONFIG, IMAGE_LAYER, Artifact, descriptor, image, index, referrer
from tests.peers.fake_registry import FakeRegistry

REPOSITORY = "acme/platform"
SECTION = "artifacts.promotion.secondary_registries[0]"
SBOM = "application/vnd.acme.sbom"
V1 = Tag("v1.0.0")
LAYER = b"layer" * 1000
# The descriptor of LAYER in a manifest.
NAMED = descriptor(LAYER, IMAGE_LAYER)
Opened = Callable[..., DistributionRegistry]


def side_of(registry: Registry) -> Side:
    """The side of a mirror that reads a registry under test."""
    if isinstance(registry, LayoutRegistry):
        return DirectorySide(Path(registry.reference))
    assert isinstance(registry, DistributionRegistry)
    return RemoteSide(registry)


def mirror_to(source: Registry, target: DistributionRegistry | Path) -> RegistryMirror:
    """Build the mirror from `source` to `target` as bootstrap does."""
    from_here = side_of(source)
    if isinstance(target, Path):
        return RegistryMirror(str(target), from_here, lambda: DirectorySide.create(target), SECTION)
    return RegistryMirror(
        target.reference, from_here, lambda: RemoteSide(target, bounded=True), SECTION
    )


def copied(mirror: RegistryMirror, manifest: Manifest, *tags: Tag) -> CopiedArtifact:
    """Copy `manifest`, and publish the copy under `tags`."""
    found = mirror.copy(manifest)
    mirror.publish((found,), [TagCopy(tag, manifest, immutable=True) for tag in tags])
    return found


def list_referrer(registry: Registry, manifest: Manifest) -> None:
    """Attach `manifest`, which is pushed already, to its subject, as another tool does."""
    assert manifest.view.subject is not None
    described = manifest.descriptor.model_copy(
        update={
            "artifact_type": manifest.artifact_type,
            "annotations": manifest.view.annotations,
        }
    )
    registry.attach(Digest(manifest.view.subject.digest), described)


def signature_tag(artifact: Artifact, kind: str = "sig") -> str:
    """The tag that cosign gives to a signature of `artifact`, or to another `kind`."""
    return f"sha256-{artifact.manifest.digest.hex}.{kind}"


def signed_index() -> tuple[Artifact, list[tuple[Artifact, str | None]]]:
    """
    Make an index of two images, and the manifests that belong to it.

    These are a bill of materials with a signature of its own, and cosign's tags of the index and
    of a child.
    """
    child = image(b"amd64", b"common", config=b'{"arch":"amd64"}')
    whole = index(child, image(b"arm64", b"common"), indent=2)
    sbom = referrer(whole.manifest, SBOM, b'{"packages":[]}', {"made": "by hand"})
    of_sbom = referrer(sbom.manifest, "application/vnd.acme.signature", b"signature")
    belonging: list[tuple[Artifact, str | None]] = [
        (sbom, None),
        (of_sbom, None),
        (image(b"signed"), signature_tag(whole)),
        (image(b"attested"), signature_tag(whole, "att")),
        (image(b"child signed"), signature_tag(child)),
    ]
    return whole, belonging


def with_layers(config: bytes, *layers: dict[str, Any]) -> Artifact:
    """Make an image with the descriptors `layers`; only its config is pushed with it."""
    made = image(config=config)
    document = {
        "schemaVersion": 2,
        "config": descriptor(config, IMAGE_CONFIG),
        "layers": list(layers),
    }
    content = json.dumps(document).encode()
    return Artifact(Manifest(content, made.manifest.media_type), (config,))


def blobs(registry: FakeRegistry) -> set[str]:
    """The digests of the blobs in REPOSITORY."""
    return set(registry.repository(REPOSITORY).blobs)
