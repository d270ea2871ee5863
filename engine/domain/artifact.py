"""The names of an artifact: tag, digest and semantic version."""

import hashlib
import re
from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering
from itertools import islice

# From the OCI distribution spec: tags are at most 128 characters.
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
# semver.org 2.0.0 with an optional `v`; without build metadata, since a tag cannot contain `+`.
_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"v?({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?", re.ASCII
)


@dataclass(frozen=True, slots=True, order=True)
class Tag:
    """A movable name of one manifest in a repository; ValueError for an invalid name."""

    name: str

    def __post_init__(self) -> None:
        if not _TAG.fullmatch(self.name):
            raise ValueError(f"not an OCI tag: {self.name!r}")

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The content address of a manifest or blob (`sha256:` and 64 hex digits, or ValueError)."""

    value: str

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.value):
            raise ValueError(f"not a sha256 digest: {self.value!r}")

    @classmethod
    def of(cls, content: bytes) -> "Digest":
        return cls(f"sha256:{hashlib.sha256(content).hexdigest()}")

    @property
    def hex(self) -> str:
        return self.value.removeprefix("sha256:")

    @property
    def short(self) -> str:
        """The first 12 hex digits, enough for a person to distinguish two digests."""
        return self.value[:19]

    def __str__(self) -> str:
        return self.value


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """
    A semantic version (https://semver.org/spec/v2.0.0.html), spelled as in the artifact's tag.

    `v1.2.3` and `1.2.3` are different names of equal precedence. ValueError for any other text,
    also for build metadata (`+`), which a tag cannot contain.
    """

    text: str

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.text):
            raise ValueError(f"not a semantic version: {self.text!r}")
        Tag(self.text)

    @property
    def tag(self) -> Tag:
        """The artifact's own tag."""
        return Tag(self.text)

    @property
    def precedence(self) -> tuple[object, ...]:
        """The sort key of semver section 11: a release comes after its pre-releases."""
        match = _VERSION.fullmatch(self.text)
        assert match is not None  # noqa: S101 - the constructor matched it
        *numbers, pre = match.groups()
        identifiers = tuple(
            (0, int(part), "") if part.isdigit() else (1, 0, part)
            for part in (pre or "").split(".")
            if part
        )
        return (*map(int, numbers), not pre, identifiers)

    def precedes(self, other: "Version") -> bool:
        """Whether it has lower precedence; neither of `1.2.3` and `v1.2.3` precedes the other."""
        return self.precedence < other.precedence

    def __lt__(self, other: "Version") -> bool:
        return (self.precedence, self.text) < (other.precedence, other.text)

    def __str__(self) -> str:
        return self.text


def nearest_versions(
    version: Version, others: Iterable[Version], count: int = 3
) -> tuple[Version, ...]:
    """Pick the `count` of `others` closest to `version` in version order, ascending."""
    ordered = sorted(set(others))
    place = bisect(ordered, version)
    start = max(0, min(place - (count + 1) // 2, len(ordered) - count))
    return tuple(islice(ordered, start, start + count))
