"""The manifests of statements, in the form in which cosign finds them."""

import base64

from engine.attestation.bundle import BUNDLE_V03, PREDICATE_TYPE, bundle_annotations
from engine.domain.artifact import Digest
from engine.domain.canonical import canonical_json
from engine.domain.manifest import IMAGE_MANIFEST, Descriptor, Manifest


def bundle_manifest(bundle: bytes, kind: str, subject: Descriptor, created: str) -> Manifest:
    """Make the manifest that attaches `bundle`, a statement of the type `kind`, to `subject`."""
    blob = {"mediaType": BUNDLE_V03, "digest": str(Digest.of(bundle)), "size": len(bundle)}
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": BUNDLE_V03,
        "config": blob,
        "layers": [blob | {"data": base64.b64encode(bundle).decode()}],
        "subject": subject.to_json(),
        "annotations": bundle_annotations(kind) | {"org.opencontainers.image.created": created},
    }
    return Manifest(canonical_json(document), IMAGE_MANIFEST)


def listed_descriptor(manifest: Manifest) -> Descriptor:
    """Describe `manifest` as a list of referrers does."""
    view = manifest.view
    return manifest.descriptor.model_copy(
        update={"artifact_type": view.artifact_type, "annotations": view.annotations}
    )


def inline_content(manifest: Manifest) -> bytes | None:
    """Read the bundle that a manifest contains; None if it has no inline data."""
    layers = manifest.view.layers or ()
    if len(layers) != 1 or layers[0].data is None:
        return None
    return base64.b64decode(layers[0].data, validate=True)


def states_kind(described: Manifest | Descriptor, kind: str) -> bool:
    """Whether the annotations name a statement of the type `kind`."""
    view = described.view if isinstance(described, Manifest) else described
    return view.annotations.get(PREDICATE_TYPE) == kind
