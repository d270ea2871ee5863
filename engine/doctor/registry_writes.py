"""Tries a registry with writes: throw-away content, which is removed at the end."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.adapters.registry.remote.probe import RegistryProbe
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.doctor.diagnosis import Chart, Diagnosis
from engine.doctor.examination import Tries
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryError, TagExistsError
from engine.domain.manifest import IMAGE_MANIFEST, Descriptor, Manifest

_TYPE = "application/vnd.floe.doctor.v1"
_RULES = "docs/install.md#immutable-tags"
WRITING = ("push", "subject", "immutable tags", "moving tags", "conditional writes", "blob mount")


@dataclass(frozen=True, slots=True)
class TagPattern:
    """A pattern of tags, and a throw-away tag that rules for the pattern match."""

    pattern: str
    tag: Tag
    moves: bool


def tag_patterns(
    environments: Sequence[str], kinds: Sequence[str], nonce: str
) -> tuple[TagPattern, ...]:
    """
    The patterns of floe's tags; `kinds` are those of moving tags `floe-….*`.

    Builds write the tags of the first of `environments`: its rules are up to them.
    No throw-away tag can be read as a version or an entry.
    """
    word = f"floe-doctor-{nonce}"
    fixed = [("floe-ledger.*", f"floe-ledger.{word}.1")]
    fixed += [(f"floe-{kind}.*", f"floe-{kind}.{word}") for kind in ("policy", "findings")]
    fixed += [(f"v*-{name}", f"v0-{word}-{name}") for name in environments[1:]]
    fixed += [("v*-rollback-*", f"v0-{word}-rollback-1")]
    moving = [("sha256-*", f"sha256-{nonce * 4}")]
    moving += [(f"floe-{kind}.*", f"floe-{kind}.{word}") for kind in kinds]
    moving += [(f"latest-{name}", f"latest-{word}-{name}") for name in environments]
    return tuple(
        TagPattern(pattern, Tag(name), moves)
        for named, moves in ((fixed, False), (moving, True))
        for pattern, name in named
    )


@dataclass
class RegistryWrites:
    """Writes to `registry`, and removes again all that it wrote."""

    chart: Chart
    registry: DistributionRegistry
    repository: str
    environments: Sequence[str]
    kinds: Sequence[str] = ("head",)
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    _tags: list[Tag] = field(default_factory=list)
    _manifests: list[Digest] = field(default_factory=list)
    _blob: Descriptor | None = None

    def tries(self) -> Tries:
        try:
            yield from self._writes()
        finally:
            removed = self._clean_up()
        yield removed

    def _writes(self) -> Tries:
        try:
            self._blob = self.registry.open_upload().finish(f"{_TYPE} {self.nonce}".encode())
            first, second = self._manifest("first"), self._manifest("second")
            for manifest in (first, second):
                self._put(manifest)
        except RegistryError as error:
            yield self.chart.error("push", error)
            return
        yield self.chart.passed("push", "a blob and two manifests were accepted")
        yield self._tried("subject", lambda name: self._subject(name, first))
        yield self._tried("immutable tags", lambda name: self._fixed(name, first, second))
        yield self._tried("moving tags", lambda name: self._moving(name, first, second))
        yield self._tried("conditional writes", lambda name: self._condition(name, first, second))
        yield self._tried("blob mount", self._mount)

    def _tried(self, name: str, attempt: Callable[[str], Diagnosis]) -> Diagnosis:
        try:
            return attempt(name)
        except RegistryError as error:
            return self.chart.error(name, error)

    @property
    def _probe(self) -> RegistryProbe:
        return self.registry.probe()

    def _manifest(self, text: str, subject: Manifest | None = None) -> Manifest:
        if self._blob is None:
            raise RuntimeError("the blob is uploaded before manifests are made")
        # The blob is the config too: the usual empty one may belong to other artifacts.
        blob = self._blob.to_json()
        document = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": _TYPE,
            "config": {**blob, "mediaType": _TYPE},
            "layers": [blob],
            **({"subject": subject.descriptor.to_json()} if subject else {}),
            "annotations": {_TYPE: f"{text} {self.nonce}"},
        }
        return Manifest(json.dumps(document).encode(), IMAGE_MANIFEST)

    def _put(self, manifest: Manifest, tag: Tag | None = None) -> None:
        self._manifests.append(manifest.digest)
        if tag is not None:
            self._tags.append(tag)
        self.registry.put(manifest, tag)

    def _subject(self, name: str, subject: Manifest) -> Diagnosis:
        referrer = self._manifest("referrer", subject)
        self._manifests.append(referrer.digest)
        acknowledged = self._probe.acknowledges(referrer)
        exists = self._probe.has_referrers_api(subject.digest)
        if not exists:
            with_header = "sends OCI-Subject without the referrers API" if acknowledged else ""
            found = with_header or "does not acknowledge a subject"
            return self.chart.passed(name, f"the registry {found}: floe keeps lists in sha256-…")
        listed = {each.digest for each in self.registry.referrers(subject.digest)}
        if str(referrer.digest) in listed:
            how = "acknowledged and listed" if acknowledged else "listed, without OCI-Subject"
            return self.chart.passed(name, f"a referrer was {how}")
        return self.chart.failed(
            name,
            "the registry has the referrers API, and does not list a referrer that it stored",
            "Update the registry, or report it to its vendor",
        )

    def _fixed(self, name: str, first: Manifest, second: Manifest) -> Diagnosis:
        moved, kept = self._moves(first, second, moving=False)
        if not moved:
            return self.chart.passed(name, f"throw-away tags cannot be moved: {', '.join(kept)}")
        immutable = f"; immutable: {', '.join(kept)}" if kept else ""
        return self.chart.warning(
            name,
            f"throw-away tags can be moved: {', '.join(moved)}{immutable}",
            f"Protect {', '.join(moved)} with immutability rules of the registry ({_RULES}). "
            "Without them, let a single machine write, or set state.url",
        )

    def _moving(self, name: str, first: Manifest, second: Manifest) -> Diagnosis:
        moved, kept = self._moves(first, second, moving=True)
        if not kept:
            return self.chart.passed(name, f"they can be moved, as they must: {', '.join(moved)}")
        return self.chart.failed(
            name,
            f"they must move, and a throw-away tag stayed: {', '.join(kept)}",
            f"Exempt {', '.join(kept)} from the immutability rules of the registry ({_RULES})",
        )

    def _moves(
        self, first: Manifest, second: Manifest, *, moving: bool
    ) -> tuple[list[str], list[str]]:
        """The patterns whose throw-away tag was moved from `first` to `second`, and the others."""
        moved: list[str] = []
        kept: list[str] = []
        for each in tag_patterns(self.environments, self.kinds, self.nonce):
            if each.moves is moving:
                (moved if self._moved(each.tag, first, second) else kept).append(each.pattern)
        return moved, kept

    def _moved(self, tag: Tag, first: Manifest, second: Manifest) -> bool:
        self._put(first, tag)
        try:
            self._put(second, tag)
        except TagExistsError:
            return False
        return self.registry.resolve(tag) == second.digest

    def _condition(self, name: str, first: Manifest, second: Manifest) -> Diagnosis:
        tag = Tag(f"latest-floe-doctor-{self.nonce}")
        self._put(first, tag)
        if self._probe.refuses_overwriting(second, tag):
            return self.chart.passed(name, "If-None-Match: * protects an existing tag")
        return self.chart.passed(
            name, "the registry ignores If-None-Match: only leases and immutable tags order writers"
        )

    def _mount(self, name: str) -> Diagnosis:
        digest = self._blob.digest if self._blob else ""
        if self._probe.mounts(digest, self.repository):
            return self.chart.passed(name, "blobs are mounted without a transfer")
        return self.chart.passed(name, "the registry mounts no blob: copies transfer the content")

    def _clean_up(self) -> Diagnosis:
        kept = [each for each in dict.fromkeys(self._manifests) if not self._removed(each)]
        tags = [tag for tag in dict.fromkeys(self._tags) if self._exists(tag)]
        blob = self._blob
        if tags or kept:
            names = ", ".join(map(str, tags)) or ", ".join(each.short for each in kept)
            return self.chart.warning(
                "clean-up",
                f"the registry keeps {len(tags)} throw-away tags and {len(kept)} manifests: "
                f"{names}",
                "Remove them in the registry, or allow deletion there (distribution: "
                "REGISTRY_STORAGE_DELETE_ENABLED=true)",
            )
        if blob is not None and not self._probe.delete_blob(blob.digest):
            return self.chart.passed(
                "clean-up", f"all was removed but a blob of {blob.size} bytes without a manifest"
            )
        return self.chart.passed("clean-up", "all that was written was removed")

    def _removed(self, digest: Digest) -> bool:
        try:
            return self._probe.delete_manifest(digest) and not self.registry.holds(digest)
        except RegistryError:
            return False

    def _exists(self, tag: Tag) -> bool:
        try:
            return self.registry.resolve(tag) is not None
        except RegistryError:
            return True
