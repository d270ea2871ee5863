"""
The files docker-registry keeps, written without it: ten thousand promotions in seconds.

https://github.com/distribution/distribution/blob/v2.8.2/registry/storage/paths.go
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from bench.platform import REPOSITORY
from engine.adapters.ledger.encoding import decode, encode, head_tag, sequence_tag
from engine.audit.policies import encode_policy
from engine.domain.artifact import Digest
from engine.domain.ledger import ChainEnd, LedgerEntry, draft_after
from engine.domain.manifest import Manifest
from engine.domain.policy_document import policy_tag
from engine.domain.record import Previous, PromotionRecord
from tests.builders import Artifact, image, index
from tests.domain.records import AT, a_promotion
from tests.scenarios.engines import policy_of

TARGET = "staging"


@dataclass(frozen=True)
class Storage:
    """The storage directory of a docker-registry."""

    root: Path

    def blob(self, content: bytes) -> None:
        self._keep(content)
        digest = Digest.of(content)
        self._link(f"_layers/sha256/{digest.hex}/link", digest)

    def manifest(self, manifest: Manifest, *tags: str) -> None:
        digest = manifest.digest
        self._keep(manifest.content)
        self._link(f"_manifests/revisions/sha256/{digest.hex}/link", digest)
        for tag in tags:
            self._link(f"_manifests/tags/{tag}/current/link", digest)
            self._link(f"_manifests/tags/{tag}/index/sha256/{digest.hex}/link", digest)

    def _keep(self, content: bytes) -> None:
        name = Digest.of(content).hex
        file = self.root / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def _link(self, place: str, digest: Digest) -> None:
        file = self.root / "docker/registry/v2/repositories" / REPOSITORY / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(digest))


def write_promotions(root: Path, count: int) -> None:
    """Write versions from v1.0.0 on, each promoted to staging after the previous one."""
    storage = Storage(root)
    written: list[LedgerEntry] = []
    storage.blob(policy_of().content)
    storage.manifest(encode_policy(policy_of()), str(policy_tag(policy_of().digest)))
    for number in range(count):
        artifact = built(number)
        for blob in artifact.blobs:
            storage.blob(blob)
        version = f"v1.0.{number}"
        storage.manifest(artifact.manifest, f"{version}-dev", f"{version}-{TARGET}")
        written.append(_recorded(storage, written, artifact, number))
        listing = index(Artifact(written[-1].manifest)).manifest
        storage.manifest(listing, f"sha256-{artifact.manifest.digest.hex}")
    if written:
        storage.manifest(written[-1].manifest, str(head_tag(TARGET)))
        storage.manifest(artifact.manifest, f"latest-{TARGET}")


def built(number: int) -> Artifact:
    return image(str(number).encode())


def _recorded(
    storage: Storage, written: list[LedgerEntry], artifact: Artifact, number: int
) -> LedgerEntry:
    head = written[-1] if written else None
    state = head.state if head else None
    previous = None
    if state and state.version and state.digest:
        previous = Previous(version=state.version, digest=state.digest)
    record = _record(number, artifact, previous)
    subject, end = artifact.manifest.descriptor, ChainEnd(head)
    draft = draft_after(end, record, subject, lambda link: written[link.sequence - 1])
    manifest, _ = encode(draft)
    storage.blob(record.to_bytes())
    storage.manifest(manifest, str(sequence_tag(TARGET, draft.sequence)))
    return decode(manifest, record)


def _record(number: int, artifact: Artifact, previous: Previous | None) -> PromotionRecord:
    return a_promotion(
        promotion_id=UUID(int=number),
        artifact_digest=str(artifact.manifest.digest),
        artifact_tag=f"v1.0.{number}-{TARGET}",
        version=f"v1.0.{number}",
        source_environment="dev",
        target_environment=TARGET,
        promoted_at=AT + timedelta(minutes=number),
        policy_digest=policy_of().digest,
        previous=previous,
    )
