"""The state of an environment, stored in its newest ledger entry so that one read gets it."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from engine.domain.artifact import Version
from engine.domain.break_glass import OpenReview
from engine.domain.environment import Environment
from engine.domain.key_trust import KeyState, keys_after
from engine.domain.record import (
    AnyRecord,
    LockRecord,
    PromotionRecord,
    RollbackRecord,
    UnlockRecord,
)
from engine.domain.record_base import DigestText, UtcTime, Value, is_unset
from engine.domain.release_records import ReleaseRecord, ReviewRecord, UnwaiveRecord, WaiveRecord
from engine.domain.upkeep_records import RotateRecord
from engine.domain.waiver import Waiver, shortened_reason, waiver_key, waivers_after

# The bound of an annotation: the state is read with every entry.
_MOST_QUARANTINED = 20
# The number of quarantines that a status lists for an environment.
SHOWN = 2


class LockState(Value):
    """A lock, from the ledger or from manifest.yaml; times are UTC."""

    reason: str
    operator: str
    operator_id: str
    at: UtcTime | None
    expires_at: UtcTime | None = None
    operator_names: tuple[str, ...] = Field(default=(), exclude_if=is_unset)

    def in_force(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


class Quarantine(Value):
    """A digest that a rollback left, until it is released or promoted there again."""

    version: str
    digest: DigestText
    operator: str
    at: UtcTime
    reason: str

    def __str__(self) -> str:
        return f"by {self.operator} on {self.at:%Y-%m-%d %H:%M:%S} UTC: {self.reason}"


def list_quarantines(held: tuple[Quarantine, ...]) -> tuple[str, ...]:
    """A line for each of the newest two of `held`, and one that counts the others."""
    lines = tuple(f"{each.version} is quarantined {each}" for each in held[:SHOWN])
    more = len(held) - SHOWN
    return (*lines, f"and {more} more quarantined") if more > 0 else lines


class EnvironmentState(Value):
    """
    Version, digest and lock of an environment according to its ledger.

    `record` is the id of the promotion or rollback that brought the version there, `sequence` its
    position in the ledger; all are None until the first promotion. `before` is the digest of
    `latest` before that record: while `latest` still has it, the change is `completing`.
    `highest` is the version of the highest precedence ever promoted there; None beside a `version`
    means unknown. `keys` are those that rotations added and retired; None before the first one.
    `reviews` are the open ones of break-glass changes, oldest first.
    `waivers` may have expired. `quarantined` has the newest quarantined digests, the newest first.
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
    waivers: tuple[Waiver, ...] = Field(default=(), exclude_if=is_unset)
    reviews: tuple[OpenReview, ...] = Field(default=(), exclude_if=is_unset)

    quarantined: tuple[Quarantine, ...] = Field(default=(), exclude_if=is_unset)

    def waivers_in_force(self, now: datetime) -> tuple[Waiver, ...]:
        return tuple(waiver for waiver in self.waivers if waiver.in_force(now))

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
                waivers=state.waivers,
                reviews=_reviews(state, record),
                quarantined=_quarantined(state, record),
            )
        case LockRecord():
            lock = LockState(
                reason=record.reason,
                operator=record.operator,
                operator_id=record.operator_id,
                operator_names=record.operator_names,
                at=record.locked_at,
                expires_at=record.expires_at,
            )
            return state.model_copy(update={"lock": lock})
        case UnlockRecord():
            return state.model_copy(update={"lock": None})
        case _:
            return state.model_copy(update=_upkeep(state, record))


def _upkeep(state: EnvironmentState, record: AnyRecord) -> dict[str, object]:
    """The fields that a record changes which neither moves a version nor locks."""
    match record:
        case RotateRecord():
            return {"keys": keys_after(state.keys, record.added, record.retired)}
        case WaiveRecord() | UnwaiveRecord():
            return {"waivers": _waivers(state, record)}
        case ReviewRecord():
            left = tuple(each for each in state.reviews if each.record != record.reviewed)
            return {"reviews": left}
        case ReleaseRecord():
            return {"quarantined": _without(state, record.artifact_digest)}
        case _:
            return {}


def _waivers(state: EnvironmentState, record: WaiveRecord | UnwaiveRecord) -> tuple[Waiver, ...]:
    if isinstance(record, UnwaiveRecord):
        ended = waiver_key(record.vulnerability, record.package)
        return waivers_after(state.waivers, record.at, ended)
    new = Waiver(
        **dict(record.terms),
        operator=record.operator,
        reason=shortened_reason(record.reason),
        record=record.id,
    )
    return waivers_after(state.waivers, record.at, new.key, new)


def _reviews(
    state: EnvironmentState, record: PromotionRecord | RollbackRecord
) -> tuple[OpenReview, ...]:
    glass = record.break_glass
    if glass is None:
        return state.reviews
    opened = OpenReview(
        record=record.id,
        version=record.version,
        incident=glass.incident,
        reason=shortened_reason(glass.reason),
        operator=record.operator,
        operator_id=record.operator_id,
        operator_names=record.operator_names,
        due=glass.review_by,
    )
    return (*state.reviews, opened)


def _quarantined(
    state: EnvironmentState, record: PromotionRecord | RollbackRecord
) -> tuple[Quarantine, ...]:
    others = _without(state, record.artifact_digest)
    if not isinstance(record, RollbackRecord) or not record.quarantine:
        return others
    if record.previous_digest in (None, record.artifact_digest):
        return others
    left = Quarantine(
        version=record.previous_version or "",
        digest=record.previous_digest or "",
        operator=record.operator,
        at=record.at,
        reason=shortened_reason(record.reason),
    )
    rest = (each for each in others if each.digest != left.digest)
    return (left, *rest)[:_MOST_QUARANTINED]


def _without(state: EnvironmentState, digest: str) -> tuple[Quarantine, ...]:
    return tuple(each for each in state.quarantined if each.digest != digest)


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
