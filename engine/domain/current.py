"""The versions that may run in an environment now."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord


@dataclass(frozen=True, slots=True)
class Artifact:
    """A version and its digest."""

    version: str
    digest: str


def runnable(records: Iterable[AnyRecord], keep: int) -> tuple[Artifact, ...]:
    """
    Select the version that runs after the newest of `records`, and up to `keep` that ran before it.

    `records` are those of one environment, newest first. A rollback returns to the state in which
    its version was the newest: versions that came since are not selected, unless they were promoted
    again later.
    """
    found: dict[str, Artifact] = {}
    withdrawn: set[str] = set()
    returned_to: str | None = None
    for record in records:
        if not isinstance(record, PromotionRecord | RollbackRecord):
            continue
        digest = record.artifact_digest
        if returned_to not in (None, digest):
            withdrawn.add(digest)
            continue
        if digest not in withdrawn:
            found.setdefault(digest, Artifact(record.version, digest))
        if len(found) > keep:
            break
        returned_to = digest if isinstance(record, RollbackRecord) else None
    return tuple(found.values())
