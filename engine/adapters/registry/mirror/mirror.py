"""Copies artifacts to a secondary registry: content first, tags later."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from engine.adapters.registry.mirror.graph import collect
from engine.adapters.registry.mirror.side import Side
from engine.adapters.registry.mirror.transfer import send_blobs
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import (
    PromotionError,
    RegistryAnswerError,
    RegistryError,
    TagExistsError,
)
from engine.domain.manifest import Manifest
from engine.ports.secondary import CopiedArtifact, TagCopy

_log = logging.getLogger(__name__)
# The number of parallel uploads, as in skopeo.
_PARALLEL = 6


class RegistryMirror:
    """
    Implements `engine.ports.Mirror`. `target` opens the secondary for one call, which its timeout
    limits as a whole. `section` is its section of manifest.yaml, for messages.
    """

    def __init__(
        self,
        reference: str,
        source: Side,
        target: Callable[[], Side],
        section: str = "artifacts.promotion.secondary_registries",
    ) -> None:
        self._reference = reference
        self._source = source
        self._target = target
        self._section = section

    @property
    def reference(self) -> str:
        return self._reference

    def copy(self, manifest: Manifest, *, deep: bool = False) -> CopiedArtifact:
        with self._translated():
            return self._copy(manifest, deep)

    def publish(self, copied: Sequence[CopiedArtifact], tags: Iterable[TagCopy]) -> tuple[str, ...]:
        with self._translated():
            return tuple(_publish(self._target(), copied, tags))

    def resolve(self, tag: Tag) -> Digest | None:
        with self._translated():
            return self._target().resolve(tag)

    def _copy(self, manifest: Manifest, deep: bool) -> CopiedArtifact:
        target = self._target()
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="floe-copy") as pool:
            found = collect(self._source, manifest, pool)
            every = found.manifests
            known = pool.map(lambda each: _is_known(target, each.digest), every)
            missing = [each for each, is_known in zip(every, known, strict=True) if not is_known]
            # The target accepted a manifest only with its blobs.
            named = [found.blobs[each.digest] for each in (every if deep else missing)]
            blobs = {each.digest: each for several in named for each in several}
            sent = send_blobs(self._source, target, blobs.values(), pool)
        for each in missing:
            target.put(each)
        for each in missing:
            if not target.holds(each.digest):
                raise RegistryAnswerError(
                    f"{target.reference} accepted {each.digest} but does not have it: check its "
                    "storage"
                )
        return CopiedArtifact(found.root, found.attached, found.tagged, sent)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Name the section of the secondary in its errors, instead of that of the primary."""
        try:
            yield
        except PromotionError as error:
            host = self._reference.partition("/")[0]
            if not host or host not in str(error):
                raise
            message = str(error).replace("artifacts.registry.", f"{self._section}.")
            raise type(error)(message, error.details) from error


def _is_known(target: Side, digest: Digest) -> bool:
    """Whether `target` has the manifest; False if it does not answer."""
    try:
        return target.holds(digest)
    except RegistryError as error:
        _log.info("unknown whether %s has %s: %s", target.reference, digest, error)
        return False


def _publish(
    target: Side, copied: Sequence[CopiedArtifact], tags: Iterable[TagCopy]
) -> Iterator[str]:
    """Write referrers and tags; yield the names of those that changed."""
    for each in copied:
        for subject, referrers in each.attached.items():
            if target.attach(subject, referrers):
                yield f"referrers of {subject.short}"
        for tag, manifest in each.tagged.items():
            if _tag(target, TagCopy(tag, manifest, immutable=False)):
                yield str(tag)
    for wanted in tags:
        if _tag(target, wanted):
            yield str(wanted.tag)


def _tag(target: Side, wanted: TagCopy) -> bool:
    """Write the tag and read it back; False if it was already right."""
    tag, digest = wanted.tag, wanted.manifest.digest
    found = target.resolve(tag)
    if found == digest:
        return False
    if found is not None and wanted.immutable:
        raise TagExistsError(
            f"tag '{tag}' in {target.reference} is {found.short} and should be {digest.short}: "
            "another writer created it; check it, and remove it",
            {"tag": str(tag), "found": str(found), "wanted": str(digest)},
        )
    target.put(wanted.manifest, tag)
    found = target.resolve(tag)
    if found != digest:
        raise RegistryAnswerError(
            f"{target.reference} accepted tag '{tag}' for {digest.short}, but the tag is "
            f"{found.short if found else 'missing'}: check its storage"
        )
    return True
