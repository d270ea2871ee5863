"""Moves: the promotions and rollbacks of an environment, as its records say."""

from dataclasses import dataclass
from datetime import datetime

from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.release_records import ReleaseRecord


@dataclass(frozen=True, slots=True)
class Move:
    """
    A promotion or rollback that brought `version` with `digest`, recorded at `sequence`.

    `left` is the digest from which a rollback returned, and `quarantines` whether that is
    quarantined since; None for a promotion. A `release` ends the
    quarantine of the digest, and brings nothing.
    """

    sequence: int
    at: datetime
    rollback: bool
    version: str
    digest: str
    left: str | None
    operator: str
    operator_id: str
    operator_names: tuple[str, ...] = ()
    release: bool = False
    quarantines: bool = False

    @classmethod
    def of(cls, record: AnyRecord, sequence: int = 0) -> "Move | None":
        """The move in `record`; None for a record of another kind."""
        if not isinstance(record, PromotionRecord | RollbackRecord | ReleaseRecord):
            return None
        rollback = isinstance(record, RollbackRecord)
        return cls(
            sequence=sequence,
            at=record.at,
            rollback=rollback,
            version=record.version,
            digest=record.artifact_digest,
            left=record.previous_digest if isinstance(record, RollbackRecord) else None,
            operator=record.operator,
            operator_id=record.operator_id,
            operator_names=record.operator_names,
            release=isinstance(record, ReleaseRecord),
            quarantines=isinstance(record, RollbackRecord) and bool(record.quarantine),
        )

    def promotes(self, digest: str, version: str | None = None) -> bool:
        """Whether it is a promotion of `digest`, under any version or the given one."""
        brings = not (self.rollback or self.release)
        return brings and self.digest == digest and version in (None, self.version)

    def concerns(self, digest: str) -> bool:
        """Whether it brings `digest`, rolls back from it or releases it."""
        return digest in (self.digest, self.left)

    def withdraws(self, digest: str) -> bool:
        """Whether it rolls back from `digest` to another artifact."""
        return self.left == digest != self.digest


def goes_forward(promotion: int | None, running: int | None) -> bool:
    """
    Whether a rollback needs the rules of a promotion: to a version promoted at `promotion`, from
    the running one promoted at `running`. None is a promotion that is not found.
    """
    return promotion is None or running is None or promotion > running
