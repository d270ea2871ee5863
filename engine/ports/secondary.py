"""Secondary registries: what gets what the primary has (FR-028 … FR-030)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.domain.artifact import Digest, Tag
from engine.domain.manifest import Descriptor, Manifest
from engine.domain.record import RegistrySync


@dataclass(frozen=True, slots=True)
class TagCopy:
    """A tag to be the same on the secondary; an immutable one is never moved there."""

    tag: Tag
    manifest: Manifest
    immutable: bool


@dataclass(frozen=True, slots=True)
class Copied:
    """
    What was copied and is not visible yet: `attached` are the referrers by subject, `tagged` the
    tags cosign gives to signatures. `sent` counts the bytes of blobs that were not there before.
    """

    root: Digest
    attached: Mapping[Digest, Sequence[Descriptor]] = field(default_factory=dict)
    tagged: Mapping[Tag, Manifest] = field(default_factory=dict)
    sent: int = 0


class Mirror(Protocol):
    """
    One secondary registry. Each call is over within its `timeout_seconds`, counted anew as
    long as content comes on, and raises a PromotionError for whichever side failed; repeating it
    goes on where it stopped.
    """

    @property
    def reference(self) -> str:
        """How people know it: `host/repository`, or the path of a layout."""
        ...

    def copy(self, manifest: Manifest) -> Copied:
        """
        Copy by digest, untagged, all that `manifest` names and all that is attached to it: the
        index and its children, config and layers, referrers and cosign's signatures. What is there
        already is not sent. Its digest is compared afterwards.
        """
        ...

    def publish(self, copied: Sequence[Copied], tags: Iterable[TagCopy]) -> tuple[str, ...]:
        """
        Make what was copied visible: list the referrers, then write `tags` in their order, each
        read back; returns what had to be changed. TagExistsError for an immutable tag that is
        another manifest there.
        """
        ...

    def resolve(self, tag: Tag) -> Digest | None:
        """The digest `tag` has there; None when there is no such tag."""
        ...


class Outcomes(Protocol):
    """
    How secondaries ended up after the record was written, which cannot say it any more. A copy of
    what `sync` finds out anew, so losing it harms nothing: neither method raises.
    """

    def known(self, environment: str, record: str) -> tuple[RegistrySync, ...]:
        """What was noted of this record; empty for none."""
        ...

    def note(self, environment: str, record: str, outcomes: Sequence[RegistrySync]) -> None:
        """Keep `outcomes` of the record with that id, in place of what was known."""
        ...
