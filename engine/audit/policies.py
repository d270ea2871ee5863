"""
Keeps the policy documents of records in the registry, so that their rules can be read years later.

A document is a small OCI artifact under the tag `floe-policy.<hex>` of its digest. It is stored
before the first entry of an environment that names it, so an entry proves that the document of the
entry before is there.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from engine.domain.artifact import Digest, Tag
from engine.domain.canonical import canonical_json
from engine.domain.errors import (
    ContentMissingError,
    RegistryAnswerError,
    RegistryRefusalError,
    TagExistsError,
)
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.policy_document import MAX_POLICY_BYTES, PolicyDocument, policy_tag
from engine.ports import Registry, RegistryReader

_log = logging.getLogger(__name__)
ARTIFACT_TYPE = "application/vnd.floe.policy.v1+json"
_TAG = re.compile(r"floe-policy\.(?P<hex>[0-9a-f]{64})", re.ASCII)


def stored_digests(tags: Iterable[Tag]) -> Iterator[str]:
    """The digests of the documents that have one of `tags`."""
    for found in (_TAG.fullmatch(tag.name) for tag in tags):
        if found:
            yield f"sha256:{found['hex']}"


def encode_policy(document: PolicyDocument) -> Manifest:
    """The artifact of `document`."""
    return _encode(document.content, ARTIFACT_TYPE)


def _encode(content: bytes, kind: str) -> Manifest:
    """An artifact of type `kind`, whose blob `content` is both its config and its layer."""
    blob = {"mediaType": kind, "digest": str(Digest.of(content)), "size": len(content)}
    described = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": kind,
        "config": blob,
        "layers": [blob],
    }
    return Manifest(canonical_json(described), IMAGE_MANIFEST)


def store_policy(registry: Registry, document: PolicyDocument) -> None:
    """Store `document`, as `store_document` does."""
    store_document(registry, document.content, ARTIFACT_TYPE, policy_tag(document.digest))


def store_document(registry: Registry, content: bytes, kind: str, tag: Tag) -> None:
    """
    Store the document `content` under `tag` unless it is there already. RegistryError if it cannot
    be stored.

    A tag that others occupied blocks no change: the document is then stored under its digest only,
    and the audit reports the tag of a policy.
    """
    manifest = _encode(content, kind)
    if registry.resolve(tag) == manifest.digest:
        return
    registry.open_upload().finish(content)
    try:
        registry.put(manifest, tag)
    except TagExistsError as error:
        registry.put(manifest)
        _log.warning("%s has no tag: %s", tag, error)


@dataclass
class Policies:
    """
    Reads policy documents, each once.

    `read_blob` reads their content, as `RegistryReader.blob` does, and `fetch` the manifests at
    their tags; None for an export, which has no tags. `known` are documents from elsewhere: they
    are used even if the registry lost them.
    """

    read_blob: Callable[[str, int], bytes]
    fetch: Callable[[Tag], Manifest | None] | None = None
    known: dict[str, PolicyDocument] = field(default_factory=dict)
    _faults: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, registry: RegistryReader, *known: PolicyDocument) -> "Policies":
        """Read from `registry`."""
        return cls(registry.blob, registry.fetch, {each.digest: each for each in known})

    def find(self, digest: str) -> PolicyDocument | None:
        """The document with `digest`; None if it cannot be read."""
        self.fault(digest)
        return self.known.get(digest)

    def fault(self, digest: str) -> str | None:
        """The reason why the document with `digest` cannot be read; None if it can."""
        if digest not in self._faults:
            self._faults[digest] = self._read(digest)
        return self._faults[digest]

    def _read(self, digest: str) -> str | None:
        try:
            fault = self._tag_fault(digest)
            document = PolicyDocument(self.read_blob(digest, MAX_POLICY_BYTES))
        except RegistryRefusalError:
            raise
        except ContentMissingError:
            return "is missing"
        except RegistryAnswerError as error:
            return f"cannot be read ({error})"
        except ValueError as error:
            return f"has other content: it {error}"
        self.known.setdefault(document.digest, document)
        return fault

    def _tag_fault(self, digest: str) -> str | None:
        if self.fetch is None:
            return None
        tag = policy_tag(digest)
        manifest = self.fetch(tag)
        if manifest is None:
            return f"has lost its tag {tag}, so the registry may delete it"
        if [layer.digest for layer in manifest.view.layers or ()] != [digest]:
            return f"is not at its tag {tag}, which points to {manifest.digest.short}"
        return None
