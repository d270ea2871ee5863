"""Secondary registries, which get the artifacts and tags of the primary (FR-028 … FR-030)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.domain.artifact import Digest, Tag
from engine.domain.manifest import Descriptor, Manifest
from engine.domain.record import RegistrySync


@dataclass(frozen=True, slots=True)
class TagCopy:
    """A tag to copy to the secondary; an immutable one is never moved there."""

    tag: Tag
    manifest: Manifest
    immutable: bool


@dataclass(frozen=True, slots=True)
class CopiedArtifact:
    """
    A copied artifact that is not visible yet.

    `attached` are the referrers by subject, `tagged` the tags of cosign's signatures. `sent` counts
    the bytes of the blobs that were sent.
    """

    root: Digest
    attached: Mapping[Digest, Sequence[Descriptor]] = field(default_factory=dict)
    tagged: Mapping[Tag, Manifest] = field(default_factory=dict)
    sent: int = 0


class Mirror(Protocol):
    """
    One secondary registry.

    Each call ends within `timeout_seconds` after the last content arrived. It raises the
    PromotionError of the side that failed; a repeated call continues where it stopped.
    """

    @property
    def reference(self) -> str:
        """The name for people: `host/repository`, or the path of a layout."""
        ...

    def copy(self, manifest: Manifest, *, deep: bool = False) -> CopiedArtifact:
        """
        Copy `manifest` with all its content by digest, without tags: the index and its children,
        config and layers, referrers and cosign's signatures.

        Content that the secondary has already is not sent: its manifests are taken as a proof of
        their blobs, unless `deep` looks for each blob. The digest is compared afterwards.
        """
        ...

    def publish(self, copied: Sequence[CopiedArtifact], tags: Iterable[TagCopy]) -> tuple[str, ...]:
        """
        Make copied artifacts visible: list their referrers, then write `tags` in order and read
        each one back. Returns the names of all that was changed.

        TagExistsError if an immutable tag is another manifest there.
        """
        ...

    def resolve(self, tag: Tag) -> Digest | None:
        """Find the digest of `tag` on the secondary; None if there is no such tag."""
        ...


class SyncOutcomes(Protocol):
    """
    The results on the secondaries after the record was written, which does not contain them.

    `sync` can find them again, so losing them is harmless: neither method raises.
    """

    def known(self, environment: str, record: str) -> tuple[RegistrySync, ...]:
        """Read the stored results of this record; empty if there are none."""
        ...

    def note(self, environment: str, record: str, outcomes: Sequence[RegistrySync]) -> None:
        """Store `outcomes` of the record with that id, instead of the earlier ones."""
        ...
