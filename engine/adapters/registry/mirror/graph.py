"""All that belongs to an artifact: what its manifests name, and what is attached to them."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from engine.adapters.registry.mirror.side import Side
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import ContentMissingError, RegistryAnswerError
from engine.domain.manifest import MEDIA_TYPES, Descriptor, Manifest

# Far more than an artifact has; it keeps what hostile content makes us hold within 100 MiB.
MAX_MANIFESTS = 2000
MAX_BYTES = 32 * 1024 * 1024
_PORTION = 32
# Where cosign leaves signatures, attestations and bills of materials of a digest.
_COSIGN = ("sig", "att", "sbom")


@dataclass
class Whole:
    """
    Everything found from one manifest on. `manifests` are in the order registries want, parts
    before what names them; `attached` is by subject; `tagged` are cosign's tags.
    """

    root: Digest
    manifests: list[Manifest] = field(default_factory=list)
    blobs: dict[str, Descriptor] = field(default_factory=dict)
    attached: dict[Digest, list[Descriptor]] = field(default_factory=dict)
    tagged: dict[Tag, Manifest] = field(default_factory=dict)


def whole(source: Side, root: Manifest, pool: Executor) -> Whole:
    """
    What is at `source` from `root` on, each manifest once however it is reached.

    RegistryAnswerError for what is named and absent, for more than MAX_MANIFESTS manifests or
    MAX_BYTES of them. Manifests of one depth are read side by side.
    """
    found = Whole(root.digest)
    _attach_to_subject(found, root)
    known = {root.digest: root}
    parts: dict[Digest, list[Digest]] = {}
    level = [root]
    looked_at = 0
    while level:
        for manifest in level:
            parts[manifest.digest] = _read(found, manifest)
        wanted = [part for manifest in level for part in parts[manifest.digest]]
        fetched = pool.map(lambda digest: _fetched(source, digest), _new(wanted, known))
        listed = pool.map(source.referrers, [m.digest for m in level])
        tags = [Tag(f"sha256-{m.digest.hex}.{kind}") for m in level for kind in _COSIGN]
        tagged = pool.map(source.fetch, tags)
        subjects, level = level, _taken(known, fetched)
        for subject, named in zip(subjects, listed, strict=True):
            looked_at += len(named)
            if looked_at > MAX_MANIFESTS:
                raise _too_much(known)
            level += _taken(known, _attached(found, source, subject.digest, named, pool))
        signed = {tag: m for tag, m in zip(tags, tagged, strict=True) if m is not None}
        found.tagged |= signed
        level += _taken(known, signed.values())
    ordered = TopologicalSorter(parts).static_order()
    found.manifests = [known[digest] for digest in ordered]
    return found


def _attached(
    found: Whole, source: Side, subject: Digest, listed: Sequence[Descriptor], pool: Executor
) -> Iterator[Manifest]:
    """What of `listed` is attached to `subject`: a listing proves nothing, so each is read."""
    digests = [_digest(named.digest) for named in listed]
    # In portions, so that a caller who has enough does not hold all of it.
    for start in range(0, len(digests), _PORTION):
        for manifest in pool.map(source.fetch, digests[start : start + _PORTION]):
            if manifest is not None and _names(manifest, subject):
                _attach_to_subject(found, manifest)
                yield manifest


def _read(found: Whole, manifest: Manifest) -> list[Digest]:
    """Note the blobs `manifest` names; returns the manifests it names."""
    view = _reading(manifest).view
    config = (view.config,) if view.config else ()
    named = [*config, *(view.layers or ()), *(view.manifests or ())]
    parts = [each for each in view.manifests or () if each.media_type in MEDIA_TYPES]
    found.blobs |= {each.digest: each for each in named if each not in parts}
    return [_digest(part.digest) for part in parts]


def _attach_to_subject(found: Whole, manifest: Manifest) -> None:
    read = _reading(manifest)
    if read.view.subject is None:
        return
    described = manifest.descriptor.model_copy(
        update={"artifact_type": read.artifact_type, "annotations": read.view.annotations}
    )
    listed = found.attached.setdefault(_digest(read.view.subject.digest), [])
    if described.digest not in (each.digest for each in listed):
        listed.append(described)


def _reading(manifest: Manifest) -> Manifest:
    """`manifest`, to look into and let go: what is kept of a view takes several times its bytes."""
    read = Manifest(manifest.content, manifest.media_type)
    try:
        read.view  # noqa: B018 - whether it can be read is the question
    except ValueError as error:
        raise RegistryAnswerError(f"{manifest.digest} cannot be copied: {error}") from error
    return read


def _names(manifest: Manifest, subject: Digest) -> bool:
    named = _reading(manifest).view.subject
    return named is not None and named.digest == str(subject)


def _fetched(source: Side, digest: Digest) -> Manifest:
    manifest = source.fetch(digest)
    if manifest is None:
        raise ContentMissingError(
            f"{source.reference} does not have {digest}, which an index there names: push the "
            "artifact again, with all its parts"
        )
    return manifest


def _new(wanted: Iterable[Digest], known: dict[Digest, Manifest]) -> list[Digest]:
    new = [digest for digest in dict.fromkeys(wanted) if digest not in known]
    if len(known) + len(new) > MAX_MANIFESTS:
        raise _too_much(known)
    return new


def _taken(known: dict[Digest, Manifest], found: Iterable[Manifest]) -> list[Manifest]:
    """Those of `found` that are new; they are known from now on."""
    new = []
    size = sum(len(manifest.content) for manifest in known.values())
    for manifest in found:
        if manifest.digest not in known:
            known[manifest.digest] = manifest
            new.append(manifest)
            size += len(manifest.content)
        if len(known) > MAX_MANIFESTS or size > MAX_BYTES:
            raise _too_much(known)
    return new


def _too_much(known: Iterable[Digest]) -> RegistryAnswerError:
    root = next(iter(known))
    return RegistryAnswerError(
        f"more than {MAX_MANIFESTS} manifests or {MAX_BYTES} bytes of them belong to {root}, by "
        "its index and its referrers: remove old referrers, and those that are not yours"
    )


def _digest(text: str) -> Digest:
    try:
        return Digest(text)
    except ValueError as error:
        raise RegistryAnswerError(f"a manifest cannot be copied: {error}") from error
