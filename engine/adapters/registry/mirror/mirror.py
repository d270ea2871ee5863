"""A secondary registry: gets what the primary has, untagged first and visible later."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from engine.adapters.registry.mirror.graph import whole
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
# As many blobs at once as skopeo sends.
_SIDE_BY_SIDE = 6


class RegistryMirror:
    """
    Implements `engine.ports.Mirror`. `target` opens the secondary for one piece of work, which
    its time-out bounds as a whole; nothing is asked of it before. `section` is where manifest.yaml
    speaks of it.
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

    def copy(self, manifest: Manifest) -> CopiedArtifact:
        with self._worded():
            return self._copied(manifest)

    def publish(self, copied: Sequence[CopiedArtifact], tags: Iterable[TagCopy]) -> tuple[str, ...]:
        with self._worded():
            return tuple(_published(self._target(), copied, tags))

    def resolve(self, tag: Tag) -> Digest | None:
        with self._worded():
            return self._target().resolve(tag)

    def _copied(self, manifest: Manifest) -> CopiedArtifact:
        target = self._target()
        with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="floe-copy") as pool:
            found = whole(self._source, manifest, pool)
            sent = send_blobs(self._source, target, found.blobs.values(), pool)
        missing = [each for each in found.manifests if not _is_known(target, each.digest)]
        for each in missing:
            target.put(each)
        for each in missing:
            if not target.holds(each.digest):
                raise RegistryAnswerError(
                    f"{target.reference} took {each.digest} and does not have it: look at its "
                    "storage"
                )
        return CopiedArtifact(found.root, found.attached, found.tagged, sent)

    @contextmanager
    def _worded(self) -> Iterator[None]:
        """Errors of the secondary speak of its own section and not of the primary's."""
        try:
            yield
        except PromotionError as error:
            host = self._reference.partition("/")[0]
            if not host or host not in str(error):
                raise
            said = str(error).replace("artifacts.registry.", f"{self._section}.")
            raise type(error)(said, error.details) from error


def _is_known(target: Side, digest: Digest) -> bool:
    """Whether `target` says that it has the manifest: if it does not answer that, it is sent."""
    try:
        return target.holds(digest)
    except RegistryError as error:
        _log.info("whether %s has %s is unknown: %s", target.reference, digest, error)
        return False


def _published(
    target: Side, copied: Sequence[CopiedArtifact], tags: Iterable[TagCopy]
) -> Iterator[str]:
    """What had to be changed, by name."""
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
    """Write the tag and read it back; False where it is right already."""
    tag, digest = wanted.tag, wanted.manifest.digest
    found = target.resolve(tag)
    if found == digest:
        return False
    if found is not None and wanted.immutable:
        raise TagExistsError(
            f"tag '{tag}' in {target.reference} is {found.short} and should be {digest.short}: "
            "somebody else wrote it there; find out what it is, and remove it",
            {"tag": str(tag), "found": str(found), "wanted": str(digest)},
        )
    target.put(wanted.manifest, tag)
    found = target.resolve(tag)
    if found != digest:
        raise RegistryAnswerError(
            f"{target.reference} took tag '{tag}' for {digest.short} and now says it is "
            f"{found.short if found else 'not there'}: look at its storage"
        )
    return True
