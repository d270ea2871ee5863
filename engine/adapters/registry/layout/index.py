"""Parses and edits index.json of an OCI image layout."""

import json
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from engine.domain.artifact import Tag
from engine.domain.manifest import IMAGE_INDEX, MEDIA_TYPES, Manifest

REF_NAME = "org.opencontainers.image.ref.name"
# floe's annotation of a descriptor: the digest of the manifest's subject, or `none`. It saves
# reading every manifest of the layout to list referrers.
SUBJECT = "dev.floe.subject"
NO_SUBJECT = "none"

# Entries stay as parsed, so that fields of other tools are written back unchanged.
Entry = dict[str, Any]


@dataclass(frozen=True)
class LayoutIndex:
    """The parsed index.json, immutable; `document` is its whole JSON."""

    document: dict[str, Any]

    @classmethod
    def parse(cls, content: bytes) -> "LayoutIndex":
        """Parse an index; ValueError with the reason if it is not one."""
        document = _parse_json(content)
        if not isinstance(document, dict) or document.get("schemaVersion") != 2:
            raise ValueError("it is not a JSON object with schemaVersion 2")
        # Go writes `null` for an empty list.
        entries = document.get("manifests") or []
        if not isinstance(entries, list):
            raise ValueError("its `manifests` is not a list")
        for number, entry in enumerate(entries):
            _check_entry(number, entry)
        return cls({**document, "manifests": entries})

    @property
    def entries(self) -> list[Entry]:
        entries: list[Entry] = self.document["manifests"]
        return entries

    @cached_property
    def named(self) -> dict[str, list[Entry]]:
        """Entries by reference name; names may not be tags, and other tools may repeat them."""
        return _grouped(self.entries, _name)

    @cached_property
    def by_digest(self) -> dict[str, list[Entry]]:
        return _grouped(self.entries, lambda entry: entry["digest"])

    @cached_property
    def by_subject(self) -> dict[str, list[Entry]]:
        """Entries with the annotation of their subject, by subject."""
        return _grouped(self.entries, lambda entry: _annotations(entry).get(SUBJECT))

    @cached_property
    def unknown(self) -> tuple[str, ...]:
        """Digests of the manifests without the annotation of their subject."""
        known = {entry["digest"] for entries in self.by_subject.values() for entry in entries}
        return tuple(
            digest
            for digest, entries in self.by_digest.items()
            if digest not in known and entries[0].get("mediaType", IMAGE_INDEX) in MEDIA_TYPES
        )

    def media_type(self, digest: str) -> str | None:
        """The media type of `digest` in the index; None if it has none."""
        kinds = (entry.get("mediaType") for entry in self.by_digest.get(digest, ()))
        return next((kind for kind in kinds if isinstance(kind, str)), None)

    def with_manifest(self, manifest: Manifest, tag: Tag | None) -> "LayoutIndex":
        """The index with `manifest`, tagged `tag` if given; this index if nothing changes."""
        digest = str(manifest.digest)
        if tag is None:
            done, kept = digest in self.by_digest, self.entries
        else:
            done = [entry["digest"] for entry in self.named.get(tag.name, ())] == [digest]
            kept = list(self._without(tag.name))
        if done:
            return self
        return LayoutIndex({**self.document, "manifests": [*kept, _entry(manifest, tag)]})

    def without(self, digests: Collection[str]) -> "LayoutIndex":
        """The index without the manifests `digests`, and without their tags."""
        kept = [entry for entry in self.entries if entry["digest"] not in digests]
        return LayoutIndex({**self.document, "manifests": kept})

    def to_bytes(self) -> bytes:
        # ASCII, because strings of other tools may contain characters that UTF-8 cannot encode.
        return json.dumps(self.document, separators=(",", ":"), allow_nan=False).encode()

    def _without(self, name: str) -> Iterator[Entry]:
        """
        The entries without the name `name`.

        Entries that lost their name stay listed, as in other tools, which delete unlisted
        manifests. Only duplicates of another entry are removed.
        """
        for entry in self.entries:
            if _name(entry) != name:
                yield entry
            elif not self._repeats(entry, name):
                yield _nameless(entry)

    def _repeats(self, entry: Entry, name: str) -> bool:
        others = (other for other in self.by_digest[entry["digest"]] if _name(other) != name)
        return any(_nameless(other) == _nameless(entry) for other in others)


EMPTY_INDEX = LayoutIndex({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": []})


def _entry(manifest: Manifest, tag: Tag | None) -> Entry:
    view = manifest.view
    entry = manifest.descriptor.to_json()
    annotations = {REF_NAME: tag.name} if tag else {}
    if view.subject is not None:
        annotations[SUBJECT] = view.subject.digest
        if manifest.artifact_type:
            entry["artifactType"] = manifest.artifact_type
    elif view.manifests is None:
        annotations[SUBJECT] = NO_SUBJECT  # Not for an index, since it may list referrers.
    return {**entry, "annotations": annotations} if annotations else entry


def _annotations(entry: Entry) -> dict[str, str]:
    return entry.get("annotations") or {}


def _name(entry: Entry) -> str | None:
    return _annotations(entry).get(REF_NAME)


def _nameless(entry: Entry) -> Entry:
    annotations = {key: value for key, value in _annotations(entry).items() if key != REF_NAME}
    rest = {key: value for key, value in entry.items() if key != "annotations"}
    return {**rest, "annotations": annotations} if annotations else rest


def _grouped(entries: list[Entry], key: Callable[[Entry], str | None]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        value = key(entry)
        if value is not None:
            groups.setdefault(value, []).append(entry)
    return groups


def _check_entry(number: int, entry: object) -> None:
    if not isinstance(entry, dict) or not isinstance(entry.get("digest"), str):
        raise ValueError(f"manifests[{number}] has no digest")
    annotations = entry.get("annotations") or {}
    if not isinstance(annotations, dict) or not all(
        isinstance(value, str) for value in annotations.values()
    ):
        raise ValueError(f"the annotations of manifests[{number}] are not a map of strings")


def _parse_json(content: bytes) -> Any:
    try:
        # Decoded here, since json also accepts UTF-16, which no other tool reads.
        return json.loads(content.decode(), parse_constant=_no_number, parse_float=_parse_float)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deep") from error


def _parse_float(text: str) -> float:
    # A number that overflows could not be written back unchanged.
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")
