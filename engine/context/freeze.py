"""The facts of a lock or an unlock."""

from engine.context.context import Context
from engine.context.facts import Fact
from engine.domain.plan import Effect


class UnlockContext(Context):
    """The facts about one unlock: unlocking an unlocked environment changes nothing."""

    @Fact
    def effect(self) -> Effect:
        return Effect.NOTHING if self.lock is None else Effect.CHANGE
