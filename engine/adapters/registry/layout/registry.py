"""
The embedded registry: a repository in an OCI image layout directory.

https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
"""

import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from engine.adapters.registry.digest_check import check_name, check_saved
from engine.adapters.registry.layout.files import read_file, translate_write_errors
from engine.adapters.registry.layout.index import LayoutIndex
from engine.adapters.registry.layout.index_file import IndexFile, create_layout
from engine.adapters.registry.layout.subject_links import SubjectLinks
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import (
    ContentMissingError,
    RegistryAnswerError,
    RegistryUnavailableError,
)
from engine.domain.manifest import (
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    MAX_MANIFEST_BYTES,
    MEDIA_TYPES,
    Descriptor,
    Manifest,
)
from engine.domain.text import printable
from engine.ports import Upload
from engine.ports.registry import Step, at_once
from engine.runtime.whole_files import write_file

_log = logging.getLogger(__name__)


class LayoutRegistry:
    """
    Implements `engine.ports.Registry` on the layout at `root`; safe for threads and processes.

    Content of skopeo, oras and other tools is read and kept unchanged. Those tools ignore floe's
    lock: if one writes at the same moment, its change or floe's may be lost.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._index = IndexFile(root)
        self._links = SubjectLinks(lambda digest: self._content(digest, MAX_MANIFEST_BYTES))

    @classmethod
    def create(cls, root: Path) -> Self:
        """Open the layout at `root`, and create it if missing; safe for concurrent callers."""
        create_layout(root)
        return cls(root)

    @property
    def reference(self) -> str:
        return str(self._root)

    def resolve(self, tag: Tag) -> Digest | None:
        return self._resolve(self._index.read(), tag)

    def fetch(self, reference: Tag | Digest) -> Manifest | None:
        index = self._index.read()
        digest = self._resolve(index, reference) if isinstance(reference, Tag) else reference
        if digest is None:
            return None
        content = self._content(digest, MAX_MANIFEST_BYTES)
        listed = str(digest) in index.by_digest
        if content is None:
            if listed:
                raise self._missing(f"lists {digest} but does not have it")
            return None
        try:
            return Manifest(content, _media_type(content, index.media_type(str(digest))))
        except ValueError as error:
            if listed:
                raise self._answer(f"has an unusable manifest: {error}") from error
            return None  # The digest of a layer or config, not of a manifest.

    def blob(self, digest: str, limit: int) -> bytes:
        content = self._content(self._named(digest), limit)
        if content is None:
            self._index.read()
            raise self._missing(f"does not have the blob {digest}")
        return content

    def save(self, digest: str, size: int, file: BinaryIO) -> None:
        check_name(digest)
        path = self._root.joinpath("blobs", *digest.split(":"))
        try:
            with path.open("rb") as kept:
                shutil.copyfileobj(kept, file)
        except FileNotFoundError as error:
            raise self._missing(f"does not have the blob {digest}") from error
        except OSError as error:
            raise RegistryUnavailableError(
                f"{path} cannot be copied: {error.strerror}; check its permissions and free space"
            ) from error
        check_saved(digest, size, file, self.reference)

    def tags(self) -> tuple[Tag, ...]:
        return tuple(sorted(_tags(self._index.read())))

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        index = self._index.read()
        listed = (entry["digest"] for entry in index.by_subject.get(str(subject), ()))
        digests = dict.fromkeys((*listed, *self._links.find(str(subject), index.unknown)))
        found = (self._referrer(digest, subject) for digest in digests)
        return tuple(
            descriptor
            for descriptor in found
            if descriptor and artifact_type in (None, descriptor.artifact_type)
        )

    def lists(self, digest: Digest) -> bool:
        """Whether the manifest exists and is in the index."""
        return str(digest) in self._index.read().by_digest and self.fetch(digest) is not None

    def open_upload(self) -> Upload:
        self._index.read()
        return _LayoutUpload(self)

    def put(self, manifest: Manifest, tag: Tag | None = None) -> None:
        if len(manifest.content) > MAX_MANIFEST_BYTES:
            raise self._answer(
                f"accepts manifests of at most {MAX_MANIFEST_BYTES} bytes; "
                f"{manifest.digest.short} has {len(manifest.content)}"
            )
        try:
            _media_type(manifest.content, manifest.media_type)
        except ValueError as error:
            raise self._answer(f"accepts only OCI manifests: {error}") from error
        self._index.read()
        self.store(manifest.content)
        self._index.change(lambda index: index.with_manifest(manifest, tag))
        _log.info("stored %s as %s in %s", manifest.digest, tag or "untagged", self._root)

    def attach(
        self,
        subject: Digest,
        referrer: Descriptor,
        ready: Step = at_once,
        listed: Step = at_once,  # noqa: ARG002 - nothing is read back
    ) -> None:
        """Store the referrer if it is missing; `put` annotates its entry with the subject."""
        ready()
        index = self._index.read()
        if referrer.digest in index.by_digest:
            return
        manifest = self.fetch(Digest(referrer.digest))
        if manifest is None:
            raise self._missing(f"does not have {referrer.digest}, to be attached to {subject}")
        self.put(manifest)

    def detach(self, subject: Digest, referrers: Sequence[Digest]) -> tuple[Digest, ...]:  # noqa: ARG002 - the port's shape
        self._index.change(lambda index: index.without(frozenset(map(str, referrers))))
        with translate_write_errors(self._root):
            for digest in referrers:
                self._path(digest).unlink(missing_ok=True)
        return ()

    def store(self, content: bytes) -> Digest:
        """Store a blob; an altered file at its digest is replaced."""
        digest = Digest.of(content)
        with translate_write_errors(self._root):
            path = self._path(digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (path.exists() and path.read_bytes() == content):
                write_file(path, content)
        return digest

    def _resolve(self, index: LayoutIndex, tag: Tag) -> Digest | None:
        found = {entry["digest"] for entry in index.named.get(tag.name, ())}
        if not found:
            return None
        if len(found) > 1:
            raise self._answer(
                f"has {len(found)} manifests with the tag {tag} "
                f"({printable(', '.join(sorted(found)))}): remove all but one"
            )
        try:
            return Digest(found.pop())
        except ValueError as error:
            raise self._answer(f"has an invalid digest for the tag {tag}: {error}") from error

    def _referrer(self, digest: str, subject: Digest) -> Descriptor | None:
        manifest = self.fetch(self._named(digest))
        if manifest is None or manifest.view.subject is None:
            return None
        if manifest.view.subject.digest != str(subject):
            return None
        return manifest.descriptor.model_copy(
            update={
                "artifact_type": manifest.artifact_type,
                "annotations": manifest.view.annotations,
            }
        )

    def _content(self, digest: Digest, limit: int) -> bytes | None:
        try:
            content, _ = read_file(self._path(digest), limit)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RegistryUnavailableError(
                f"{self._path(digest)} cannot be read: {error.strerror}; give this user read access"
            ) from error
        if Digest.of(content) != digest:
            raise self._answer(f"has altered content under {digest}: restore it from a copy")
        return content

    def _named(self, digest: str) -> Digest:
        try:
            return Digest(digest)
        except ValueError as error:
            raise self._answer(f"cannot read {printable(digest)}: {error}") from error

    def _path(self, digest: Digest) -> Path:
        return self._root / "blobs" / "sha256" / digest.hex

    def _answer(self, problem: str) -> RegistryAnswerError:
        return RegistryAnswerError(f"the image layout {self._root} {problem}")

    def _missing(self, problem: str) -> ContentMissingError:
        return ContentMissingError(f"the image layout {self._root} {problem}")


class _LayoutUpload:
    """An upload into a directory: there is no session, `finish` writes the content."""

    def __init__(self, registry: LayoutRegistry) -> None:
        self._registry = registry

    def finish(self, content: bytes) -> Descriptor:
        digest = self._registry.store(content)
        return Descriptor(
            media_type="application/octet-stream", digest=str(digest), size=len(content)
        )

    def discard(self) -> None:
        """Do nothing: there is no session to end."""


def _media_type(content: bytes, listed: str | None) -> str:
    """The media type by index, manifest or shape, in this order; ValueError if unsupported."""
    view = Manifest(content, "").view
    if listed and view.media_type and listed != view.media_type:
        raise ValueError(f"its media type is {view.media_type}, but the index has {listed}")
    shape = None
    if view.manifests is not None:
        shape = IMAGE_INDEX
    elif view.config is not None and view.layers is not None:
        shape = IMAGE_MANIFEST
    kind = listed or view.media_type or shape
    if kind not in MEDIA_TYPES:
        raise ValueError(f"{kind or 'nothing'} is not the media type of an OCI manifest")
    return kind


def _tags(index: LayoutIndex) -> Iterator[Tag]:
    for name in index.named:
        try:
            yield Tag(name)
        except ValueError:
            continue  # A name that is not a tag, such as a whole image reference.
