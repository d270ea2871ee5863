"""The state of an environment, stored in its newest ledger entry so that one read gets it."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from engine.domain.artifact import Version
from engine.domain.environment import Environment
from engine.domain.key_trust import KeyState, keys_after
from engine.domain.record import (
    AnyRecord,
    LockRecord,
    PromotionRecord,
    RollbackRecord,
    RotateRecord,
    UnlockRecord,
)
from engine.domain.record_base import DigestText, UtcTime, Value


class LockState(Value):
    """A lock, from the ledger or from manifest.yaml; times are UTC."""

    reason: str
    operator: str
    operator_id: str
    at: UtcTime | None
    expires_at: UtcTime | None = None

    def in_force(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


class EnvironmentState(Value):
    """
    Version, digest and lock of an environment according to its ledger.

    `record` is the id of the promotion or rollback that brought the version there, `sequence` its
    position in the ledger; all are None until the first promotion. `before` is the digest of
    `latest` before that record: while `latest` still has it, the change is `completing`.
    `highest` is the version of the highest precedence ever promoted there; None beside a `version`
    means unknown. `keys` are those that rotations added and retired; None before the first one.
    """

    version: str | None = None
    digest: DigestText | None = None
    record: str | None = None
    sequence: Annotated[int, Field(ge=1)] | None = None
    operator: str | None = None
    since: UtcTime | None = None
    before: DigestText | None = None
    highest: str | None = None
    lock: LockState | None = None
    keys: KeyState | None = None

    def may_have_had(self, version: Version) -> bool:
        """Whether `version` may have been promoted here; False is certain."""
        if self.highest is None:
            return self.version is not None
        return version.precedence <= Version(self.highest).precedence

    @property
    def semantic_version(self) -> Version | None:
        """The running version; None if it is not semantic, and so has no order."""
        try:
            return Version(self.version or "")
        except ValueError:
            return None

    def runs_newer_than(self, version: Version) -> bool:
        """Whether a version of higher precedence than `version` runs."""
        running = self.semantic_version
        return running is not None and version.precedes(running)


# Not validated: that would build the model in every command.
EMPTY = EnvironmentState.model_construct()


def state_after(state: EnvironmentState, record: AnyRecord, sequence: int) -> EnvironmentState:
    """Compute the state after `record`, which has the `sequence` in its ledger."""
    match record:
        case PromotionRecord() | RollbackRecord():
            return EnvironmentState(
                version=record.version,
                digest=record.artifact_digest,
                record=record.id,
                sequence=sequence,
                operator=record.operator,
                since=record.at,
                before=state.digest,
                highest=_highest(state, record),
                lock=state.lock,
                keys=state.keys,
            )
        case LockRecord():
            lock = LockState(
                reason=record.reason,
                operator=record.operator,
                operator_id=record.operator_id,
                at=record.locked_at,
                expires_at=record.expires_at,
            )
            return state.model_copy(update={"lock": lock})
        case UnlockRecord():
            return state.model_copy(update={"lock": None})
        case RotateRecord():
            keys = keys_after(state.keys, record.added, record.retired)
            return state.model_copy(update={"keys": keys})
        case _:
            return state


def _highest(state: EnvironmentState, record: PromotionRecord | RollbackRecord) -> str | None:
    """The highest version after `record`; a rollback returns to a known one and changes nothing."""
    if isinstance(record, RollbackRecord):
        return state.highest
    try:
        version = Version(record.version)
    except ValueError:
        # No request can name such a version, so it is never searched for.
        return state.highest
    if state.highest is None:
        return None if state.version is not None else str(version)
    return str(max(Version(state.highest), version, key=lambda each: each.precedence))


def lock_in_force(
    environment: Environment, state: EnvironmentState, now: datetime
) -> LockState | None:
    """The lock in force at `now`: the one in manifest.yaml, else the ledger's if not expired."""
    fixed = environment.fixed_lock
    if fixed is not None:
        return LockState(
            reason=fixed.reason,
            operator=fixed.locked_by,
            operator_id="manifest.yaml",
            at=fixed.locked_at,
        )
    return state.lock if state.lock and state.lock.in_force(now) else None
