"""Collects an artifact: its manifests, blobs, referrers and cosign tags."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from engine.adapters.registry.mirror.side import Side
from engine.attestation.current import states_current
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import ContentMissingError, RegistryAnswerError
from engine.domain.manifest import MEDIA_TYPES, Descriptor, Manifest

# Far more than artifacts have; limits the memory for hostile content to 100 MiB.
MAX_MANIFESTS = 2000
MAX_BYTES = 32 * 1024 * 1024
_PORTION = 32
# Suffixes of cosign's tags for signatures, attestations and bills of materials of a digest.
_COSIGN = ("sig", "att", "sbom")


@dataclass
class ArtifactGraph:
    """
    Everything that belongs to the manifest `root`. `manifests` are in the order to push them,
    children before their index; `blobs` are by the manifest that names them; `attached` is by
    subject; `tagged` are cosign's tags.
    """

    root: Digest
    manifests: list[Manifest] = field(default_factory=list)
    blobs: dict[Digest, list[Descriptor]] = field(default_factory=dict)
    attached: dict[Digest, list[Descriptor]] = field(default_factory=dict)
    tagged: dict[Tag, Manifest] = field(default_factory=dict)


def collect(source: Side, root: Manifest, pool: Executor) -> ArtifactGraph:
    """
    Collect everything that belongs to `root` in `source`; each manifest is read once.

    RegistryAnswerError if content is missing, or if there are more than MAX_MANIFESTS manifests
    or MAX_BYTES of them. Manifests of one depth are read in parallel.
    """
    found = ArtifactGraph(root.digest)
    _attach_to_subject(found, root)
    known = {root.digest: root}
    children: dict[Digest, list[Digest]] = {}
    level = [root]
    referrers_read = 0
    while level:
        for manifest in level:
            children[manifest.digest] = _add_content(found, manifest)
        wanted = [child for manifest in level for child in children[manifest.digest]]
        fetched = pool.map(lambda digest: _fetch(source, digest), _unknown(wanted, known))
        listed = pool.map(source.referrers, [m.digest for m in level])
        tags = [Tag(f"sha256-{m.digest.hex}.{kind}") for m in level for kind in _COSIGN]
        tagged = pool.map(source.fetch, tags)
        subjects, level = level, _add_new(known, fetched)
        for subject, referrers in zip(subjects, listed, strict=True):
            referrers_read += len(referrers)
            if referrers_read > MAX_MANIFESTS:
                raise _too_large(known)
            level += _add_new(known, _attached(found, source, subject.digest, referrers, pool))
        signatures = {tag: m for tag, m in zip(tags, tagged, strict=True) if m is not None}
        found.tagged |= signatures
        level += _add_new(known, signatures.values())
    ordered = TopologicalSorter(children).static_order()
    found.manifests = [known[digest] for digest in ordered]
    return found


def _attached(
    found: ArtifactGraph,
    source: Side,
    subject: Digest,
    listed: Sequence[Descriptor],
    pool: Executor,
) -> Iterator[Manifest]:
    """Yield the copied manifests in `listed` that have `subject`; a list may be wrong."""
    digests = [_digest(named.digest) for named in listed]
    # In portions, so that a caller that stops early holds few of them.
    for start in range(0, len(digests), _PORTION):
        for manifest in pool.map(source.fetch, digests[start : start + _PORTION]):
            if manifest is not None and _belongs_to(manifest, subject):
                _attach_to_subject(found, manifest)
                yield manifest


def _add_content(found: ArtifactGraph, manifest: Manifest) -> list[Digest]:
    """Add the blobs of `manifest` to `found`; return its child manifests."""
    view = _parsed_copy(manifest).view
    config = (view.config,) if view.config else ()
    named = [*config, *(view.layers or ()), *(view.manifests or ())]
    children = [each for each in view.manifests or () if each.media_type in MEDIA_TYPES]
    found.blobs[manifest.digest] = [each for each in named if each not in children]
    return [_digest(child.digest) for child in children]


def _attach_to_subject(found: ArtifactGraph, manifest: Manifest) -> None:
    parsed = _parsed_copy(manifest)
    if parsed.view.subject is None:
        return
    described = manifest.descriptor.model_copy(
        update={"artifact_type": parsed.artifact_type, "annotations": parsed.view.annotations}
    )
    listed = found.attached.setdefault(_digest(parsed.view.subject.digest), [])
    if described.digest not in (each.digest for each in listed):
        listed.append(described)


def _parsed_copy(manifest: Manifest) -> Manifest:
    """A short-lived copy with a parsed view, which needs several times the manifest's memory."""
    copy = Manifest(manifest.content, manifest.media_type)
    try:
        copy.view  # noqa: B018 - fails if the manifest cannot be parsed
    except ValueError as error:
        raise RegistryAnswerError(f"{manifest.digest} cannot be copied: {error}") from error
    return copy


def _belongs_to(manifest: Manifest, subject: Digest) -> bool:
    """Whether a referrer is copied: nothing would withdraw a statement of the current state."""
    view = _parsed_copy(manifest).view
    attached = view.subject is not None and view.subject.digest == str(subject)
    return attached and not states_current(view.annotations)


def _fetch(source: Side, digest: Digest) -> Manifest:
    manifest = source.fetch(digest)
    if manifest is None:
        raise ContentMissingError(
            f"{source.reference} does not have {digest}, which an index lists: push the "
            "artifact again, with all its parts"
        )
    return manifest


def _unknown(wanted: Iterable[Digest], known: dict[Digest, Manifest]) -> list[Digest]:
    new = [digest for digest in dict.fromkeys(wanted) if digest not in known]
    if len(known) + len(new) > MAX_MANIFESTS:
        raise _too_large(known)
    return new


def _add_new(known: dict[Digest, Manifest], found: Iterable[Manifest]) -> list[Manifest]:
    """Add the new manifests of `found` to `known`, and return them."""
    new = []
    size = sum(len(manifest.content) for manifest in known.values())
    for manifest in found:
        if manifest.digest not in known:
            known[manifest.digest] = manifest
            new.append(manifest)
            size += len(manifest.content)
        if len(known) > MAX_MANIFESTS or size > MAX_BYTES:
            raise _too_large(known)
    return new


def _too_large(known: Iterable[Digest]) -> RegistryAnswerError:
    root = next(iter(known))
    return RegistryAnswerError(
        f"{root} cannot be copied: more than {MAX_MANIFESTS} manifests or {MAX_BYTES} bytes of "
        "them belong to it. Remove old and foreign referrers"
    )


def _digest(text: str) -> Digest:
    try:
        return Digest(text)
    except ValueError as error:
        raise RegistryAnswerError(f"a manifest cannot be copied: {error}") from error
