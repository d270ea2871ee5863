"""Lists possible signatures of an artifact: those at cosign's tag, and its referrers."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.adapters.sigstore.bundle import BUNDLE_TYPE
from engine.adapters.sigstore.legacy import SIMPLE_SIGNING
from engine.attestation.refusal import Refused
from engine.domain.artifact import Digest, Tag
from engine.domain.manifest import Descriptor, Manifest
from engine.ports import RegistryReader

# Everyone with push access can add signatures, so the number is limited.
MAX_CANDIDATES = 100
MAX_PAYLOAD_BYTES = 1024 * 1024
MAX_BUNDLE_BYTES = 4 * 1024 * 1024
# Records of floe are not signatures, and may be many.
_RECORD_TYPES = "application/vnd.floe."


@dataclass(frozen=True, slots=True)
class LegacyLayer:
    """A layer of the signature image at cosign's tag for the artifact's digest."""

    place: str
    layer: Descriptor

    def payload(self, registry: RegistryReader) -> bytes:
        if self.layer.media_type != SIMPLE_SIGNING:
            raise Refused(f"a layer of the type {self.layer.media_type}, not a signature")
        return _content(registry, self.layer, MAX_PAYLOAD_BYTES)


@dataclass(frozen=True, slots=True)
class Attached:
    """A referrer of the artifact, which may be a bundle even if listed with another type."""

    place: str
    listed: Descriptor

    @property
    def listed_as_bundle(self) -> bool:
        return (self.listed.artifact_type or "").startswith(BUNDLE_TYPE)

    def bundle(self, registry: RegistryReader, artifact: Digest) -> bytes | None:
        """Read the bundle attached to `artifact`; None if this is not a bundle."""
        manifest = self._manifest(registry)
        if manifest is None:
            if self.listed_as_bundle:
                raise Refused("listed, and not there")
            return None
        layers = self._bundles(manifest)
        if not layers:
            return None
        subject = manifest.view.subject
        if subject is None or subject.digest != str(artifact):
            raise Refused("listed for this artifact, and attached to another")
        if len(layers) != 1:
            raise Refused(f"has {len(layers)} bundles instead of one")
        return _content(registry, layers[0], MAX_BUNDLE_BYTES)

    def _manifest(self, registry: RegistryReader) -> Manifest | None:
        try:
            digest = Digest(self.listed.digest)
        except ValueError as error:
            raise Refused(str(error)) from error
        return registry.fetch(digest)

    def _bundles(self, manifest: Manifest) -> list[Descriptor]:
        try:
            view, kind = manifest.view, manifest.artifact_type or ""
        except ValueError as error:
            raise Refused(str(error)) from error
        layers = [each for each in view.layers or () if each.media_type.startswith(BUNDLE_TYPE)]
        if kind.startswith(BUNDLE_TYPE) and not layers:
            raise Refused("called a bundle, and has none")
        return layers


@dataclass(frozen=True, slots=True)
class Unread:
    """Signatures that were not read, with the reason."""

    place: str
    reason: str


Candidate = LegacyLayer | Attached | Unread


def legacy_candidates(registry: RegistryReader, artifact: Digest) -> list[Candidate]:
    """The layers under the tag `sha256-<hex>.sig`. One request."""
    tag = Tag(f"sha256-{artifact.hex}.sig")
    manifest = registry.fetch(tag)
    place = f"tag sha256-{artifact.hex[:12]}….sig"
    if manifest is None:
        return []
    try:
        layers = manifest.view.layers or ()
    except ValueError as error:
        return [Unread(place, str(error))]
    found: list[Candidate] = [
        LegacyLayer(f"{place} layer {number}", layer)
        for number, layer in enumerate(layers[:MAX_CANDIDATES], 1)
    ]
    return [*found, *_left_out(place, len(layers))]


def attached_candidates(registry: RegistryReader, artifact: Digest) -> list[Candidate]:
    """
    The referrers that may be bundles, those listed as bundles first; some registries and tools
    list bundles with another type or none.
    """
    listed = [
        Attached(f"referrer {each.digest[:19]}", each)
        for each in registry.referrers(artifact)
        if not (each.artifact_type or "").startswith(_RECORD_TYPES)
    ]
    likely = sorted(listed, key=lambda each: not each.listed_as_bundle)
    return [*likely[:MAX_CANDIDATES], *_left_out("referrers", len(likely))]


def _left_out(place: str, count: int) -> Iterator[Unread]:
    if count > MAX_CANDIDATES:
        yield Unread(
            place,
            f"only the first {MAX_CANDIDATES} of {count} are looked at: "
            "remove those that are not yours",
        )


def _content(registry: RegistryReader, layer: Descriptor, limit: int) -> bytes:
    if layer.size > limit:
        raise Refused(f"has {layer.size} bytes: signatures of at most {limit} are read")
    return registry.blob(layer.digest, limit)
