"""A version keeps the content with which it was promoted, also if its tag was moved."""

from engine.domain.artifact import Digest, Version
from engine.domain.environment import Environment
from engine.domain.errors import TagExistsError
from engine.domain.finding import Finding, blocked
from engine.domain.ledger import LedgerEntry


def block_other_content(
    check: str, version: Version, place: Environment, entry: LedgerEntry, found: Digest
) -> Finding | None:
    """Block if `entry`, a promotion of `version` into `place`, has another digest than `found`."""
    record = entry.record
    if record.subject_digest in (None, str(found)):
        return None
    recorded = Digest(str(record.subject_digest))
    return blocked(
        check,
        f"{version} was promoted to {place} as {recorded.short} by {record.operator} on "
        f"{record.at:%Y-%m-%d %H:%M:%S} UTC (record {record.id}) and is "
        f"{found.short} now: a version must keep its content. Publish a new version, and run: "
        f"floe platform audit verify --env {place}",
        TagExistsError,
        {
            "version": str(version),
            "recorded": str(recorded),
            "found": str(found),
            "record": record.id,
        },
    )
