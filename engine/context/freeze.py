"""The facts of a lock, an unlock or a release from quarantine."""

from engine.context.context import Context
from engine.context.facts import Fact
from engine.domain.ledger import LedgerEntry
from engine.domain.plan import Effect
from engine.domain.record import LockRecord
from engine.domain.request import LockRequest, ReleaseRequest
from engine.domain.state import Quarantine


class LockContext(Context[LockRequest]):
    """The facts about one lock: an interrupted run may have recorded it already."""

    @Fact
    def effect(self) -> Effect:
        return Effect.COMPLETE if self.committed_entry else Effect.CHANGE

    @Fact
    def committed_entry(self) -> LedgerEntry | None:
        end, asked = self.target_end, self.request
        record = end.head.record if end.head and not end.hinted else None
        if not isinstance(record, LockRecord):
            return None
        until = record.expires_at
        seconds = (until - record.locked_at).total_seconds() if until else None
        same = (record.operator_id, record.reason, seconds)
        wanted = (asked.operator.id, asked.reason, asked.for_seconds)
        return end.head if same == wanted else None


class UnlockContext(Context):
    """The facts about one unlock: unlocking an unlocked environment changes nothing."""

    @Fact
    def effect(self) -> Effect:
        return Effect.NOTHING if self.lock is None else Effect.CHANGE


class ReleaseContext(Context[ReleaseRequest]):
    """The facts about one release: a version that is not quarantined stays as it is."""

    @property
    def quarantine(self) -> Quarantine | None:
        """The quarantine of the version in the target."""
        held = (
            each for each in self.state.quarantined if each.version == str(self.request.version)
        )
        return next(held, None)

    @Fact
    def effect(self) -> Effect:
        return Effect.CHANGE if self.quarantine else Effect.NOTHING
