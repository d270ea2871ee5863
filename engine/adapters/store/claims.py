"""Who works on which change: at most one change per environment, environments in turn."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.adapters.store import statements as sql
from engine.adapters.store.rows import micros, next_turn
from engine.domain.change import Change
from engine.domain.product import qualified
from engine.runtime.database import Connection
from engine.runtime.wakeups import Topic


@dataclass(frozen=True, slots=True)
class Hold:
    """
    The claim on an environment, and the turn at which it was last served.

    A hold is over at `until`. When the clock stands before the time it was renewed, the clock was
    put back: then `until` may be far, and the holder dead. From the first look that saw this
    (`doubted`) the holder has its whole time once more to renew, by the new clock; only then is
    the hold over. So a clock that is put back never shortens a hold, and does not make one last
    for ever. A single caller with an old `now` does no harm: the next one with a good clock drops
    the doubt.
    """

    target: str
    turn: int
    change_id: str | None
    renewed: int
    until: int
    doubted: int | None

    def over(self, now: int) -> bool:
        if self.change_id is None or self.until <= now:
            return True
        lasting = self.until - self.renewed
        return self.doubted is not None and self.doubted + lasting <= now < self.renewed

    def doubted_at(self, now: int) -> int | None:
        """Since when the clock has stood before `renewed`, as seen now."""
        if now >= self.renewed:
            return None
        return now if self.doubted is None else min(self.doubted, now)


def take(
    db: Connection,
    worker: str,
    now: datetime,
    lasting: timedelta,
    only: str | None = None,
    accepts: Callable[[str, str], bool] = lambda _product, _change: True,
) -> Change | None:
    """
    The next change by turn of the free environment served longest ago, or `only` that of this id.
    It goes to the end of its environment's queue, so that one that cannot be finished does not
    keep out the others.
    """
    instant = micros(now)
    holds = _holds(db)
    _doubt(db, holds, instant)
    waiting = [
        (number, place, document)
        for number, product, target, change_id, document in db.execute(sql.WAITING).fetchall()
        if only in (None, change_id) and accepts(product, change_id)
        if (place := qualified(product, target)) not in holds or holds[place].over(instant)
    ]
    if not waiting:
        return None
    served = {target: hold.turn for target, hold in holds.items()}
    number, place, document = min(waiting, key=lambda row: served.get(row[1], 0))
    change, turn = Change.model_validate_json(document), next_turn(db)
    db.execute(sql.REQUEUE, [turn, number])
    until = instant + micros_of(lasting)
    db.execute(sql.TAKE, [place, turn, change.id, worker, instant, until])
    return change


def renew(db: Connection, change_id: str, worker: str, now: datetime, lasting: timedelta) -> bool:
    """A claim that ran out but was not taken is still its holder's."""
    instant = micros(now)
    values = [instant, instant + micros_of(lasting), change_id, worker]
    return db.execute(sql.RENEW, values).rowcount == 1


def release(db: Connection, change_id: str, worker: str) -> None:
    db.execute(sql.RELEASE, [change_id, worker])
    db.announce(Topic.WORK)


def micros_of(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def _holds(db: Connection) -> dict[str, Hold]:
    return {row[0]: Hold(*row) for row in db.execute(sql.HOLDS).fetchall()}


def _doubt(db: Connection, holds: dict[str, Hold], now: int) -> None:
    for hold in holds.values():
        doubted = hold.doubted_at(now)
        if doubted != hold.doubted:
            db.execute(sql.DOUBT, [doubted, hold.target])
