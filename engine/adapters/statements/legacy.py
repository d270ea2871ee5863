"""
Attestations in cosign's earlier form: the layers of an image under the tag `sha256-<hex>.att`.

https://github.com/sigstore/cosign/blob/main/specs/ATTESTATION_SPEC.md
"""

import json
from dataclasses import dataclass
from typing import Any

from engine.domain.artifact import Digest, Tag
from engine.domain.canonical import canonical_json
from engine.domain.errors import RegistryAnswerError
from engine.domain.manifest import IMAGE_INDEX, IMAGE_MANIFEST, Manifest
from engine.ports import Registry

_ENVELOPE = "application/vnd.dsse.envelope.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_PREDICATE_TYPE = "predicateType"
_WRITES = 3
Layer = dict[str, Any]


@dataclass(frozen=True)
class LegacyAttestations:
    """Changes the attestations of single artifacts; the caller holds the lease of referrers."""

    registry: Registry

    def add(self, subject: Digest, kind: str, bundle: bytes) -> None:
        """Add the statement in `bundle` to those of `subject`, unless it is there."""
        self._change(subject, None, _layer(kind, bundle))

    def replace(self, subject: Digest, kind: str, bundle: bytes | None) -> None:
        """Replace the statements of `kind` about `subject` by the one in `bundle`, or by none."""
        self._change(subject, kind, _layer(kind, bundle) if bundle else None)

    def _change(self, subject: Digest, removed: str | None, added: "_Added | None") -> None:
        """Write until the tag keeps it: the build adds attestations to the same tag."""
        tag = Tag(f"sha256-{subject.hex}.att")
        for _ in range(_WRITES):
            found = self.registry.fetch(tag)
            document = _document(found, tag)
            before: list[Layer] = document.get("layers") or []
            digest = added.layer["digest"] if added else None
            kept = [
                layer
                for layer in before
                if removed is None or _kind(layer) != removed or layer.get("digest") == digest
            ]
            if added and digest not in [layer.get("digest") for layer in kept]:
                kept.append(added.layer)
            if kept == before:
                return
            self._put(document | {"layers": kept}, tag, added)
        raise RegistryAnswerError(
            f"tag '{tag}' in {self.registry.reference} lost a write of floe: another "
            "writer changes it at the same time, try again"
        )

    def _put(self, document: dict[str, Any], tag: Tag, added: "_Added | None") -> None:
        layers = document["layers"]
        # The layers are not compressed, so their digests are those of their content.
        config = canonical_json(
            {
                "architecture": "",
                "os": "",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [each["digest"] for each in layers]},
            }
        )
        for content in (config, *((added.envelope,) if added else ())):
            self.registry.open_upload().finish(content)
        kind = (document.get("config") or {}).get("mediaType", _CONFIG)
        described = {"mediaType": kind, "digest": str(Digest.of(config)), "size": len(config)}
        media_type = document.get("mediaType", IMAGE_MANIFEST)
        content = json.dumps(document | {"config": described}, separators=(",", ":")).encode()
        self.registry.put(Manifest(content, media_type), tag)


@dataclass(frozen=True)
class _Added:
    """A layer with a statement, and its content."""

    layer: Layer
    envelope: bytes


def _layer(kind: str, bundle: bytes) -> _Added:
    envelope = canonical_json(json.loads(bundle)["dsseEnvelope"])
    layer = {
        "mediaType": _ENVELOPE,
        "digest": str(Digest.of(envelope)),
        "size": len(envelope),
        "annotations": {"dev.cosignproject.cosign/signature": "", _PREDICATE_TYPE: kind},
    }
    return _Added(layer, envelope)


def _kind(layer: Layer) -> object:
    return (layer.get("annotations") or {}).get(_PREDICATE_TYPE)


def _document(found: Manifest | None, tag: Tag) -> dict[str, Any]:
    if found is None:
        return {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "layers": []}
    if found.media_type == IMAGE_INDEX:
        raise RegistryAnswerError(f"tag '{tag}' is an index and not an image of attestations")
    document: dict[str, Any] = json.loads(found.content)
    return document
