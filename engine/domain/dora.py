"""Four figures of software delivery (https://dora.dev), computed from the ledgers only."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from engine.domain.errors import UsageError
from engine.domain.gate import GateKind, GateStatus
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord

# A version that was first recorded earlier than this before the period has no lead time.
LOOKBACK = timedelta(days=90)
LONGEST = timedelta(days=366)
DEFINITIONS = {
    "deployment frequency": "promotions to the environment in the period, per day",
    "lead time": "median time from the first record of an artifact, in any environment, to its "
    "promotion; an artifact has none in its first environment, nor if it was recorded more than "
    f"{LOOKBACK.days} days before the period",
    "change fail rate": "share of these promotions that a rollback left",
    "recovery time": "median time from such a promotion to the rollback that left it",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """
    The figures of one environment. A median or rate without anything to count is None.

    `deployments` counts promotions, `failed` those of them that a rollback left.
    """

    environment: str
    deployments: int
    failed: int
    per_day: float
    lead_time: timedelta | None
    change_fail_rate: float | None
    recovery_time: timedelta | None


@dataclass(slots=True)
class MeasuredPromotion:
    """
    The times of one promotion, without its record, which is large.

    `lead` is its lead time if it has one, and `recovery` the time until the rollback that left it.
    `waiting` is the time from its request to its last approval. `gates` are those that ran.
    """

    environment: str
    digest: str
    at: datetime
    waiting: timedelta | None
    gates: tuple[tuple[GateKind, timedelta], ...]
    lead: timedelta | None = None
    recovery: timedelta | None = None


@dataclass(frozen=True, slots=True)
class _Rollback:
    environment: str
    digest: str
    at: datetime
    left: str | None


def check_period(since: datetime, until: datetime) -> None:
    """UsageError unless the period has a length, of at most a year."""
    if not timedelta(0) < until - since <= LONGEST:
        raise UsageError(
            f"The period must begin in the past, at most {LONGEST.days} days ago: write an age "
            "like 30d, or a date like 2026-09-01",
            {"since": since.isoformat()},
        )


def figures(
    environments: Sequence[str], newest_first: Iterable[AnyRecord], since: datetime, until: datetime
) -> tuple[Figures, ...]:
    """
    Compute the figures of `environments` for the promotions from `since` to `until`.

    `newest_first` are the records of all of them, from `LOOKBACK` before `since`.
    """
    return figures_of(environments, measure_promotions(newest_first, since, until), until - since)


def figures_of(
    environments: Sequence[str], found: Mapping[str, Sequence[MeasuredPromotion]], period: timedelta
) -> tuple[Figures, ...]:
    """Compute the figures of `environments` from the promotions of a period of that length."""
    return tuple(summarize(name, found.get(name, ()), period) for name in environments)


def measure_promotions(
    newest_first: Iterable[AnyRecord], since: datetime, until: datetime
) -> dict[str, list[MeasuredPromotion]]:
    """List the promotions from `since` to `until` by environment, oldest first; see `figures`."""
    found: dict[str, list[MeasuredPromotion]] = defaultdict(list)
    first: dict[str, datetime] = {}
    running: dict[str, MeasuredPromotion] = {}
    moves = [move for each in newest_first if each.at < until and (move := _move(each))]
    for move in reversed(moves):
        place = move.environment
        if isinstance(move, MeasuredPromotion):
            move.lead = move.at - first[move.digest] if move.digest in first else None
            running[place] = move
            if move.at >= since:
                found[place].append(move)
        else:
            promoted = running.pop(place, None)
            if promoted is not None and promoted.digest == move.left:
                promoted.recovery = move.at - promoted.at
        first.setdefault(move.digest, move.at)
    return found


def _move(record: AnyRecord) -> MeasuredPromotion | _Rollback | None:
    match record:
        case PromotionRecord():
            ran = [each for each in record.gate_results if each.status is not GateStatus.SKIPPED]
            return MeasuredPromotion(
                record.ledger,
                record.artifact_digest,
                record.at,
                _waiting(record),
                tuple((each.gate, timedelta(milliseconds=each.duration_ms)) for each in ran),
            )
        case RollbackRecord():
            place, digest, left = record.ledger, record.artifact_digest, record.previous_digest
            return _Rollback(place, digest, record.at, left)
        case _:
            return None


def _waiting(record: PromotionRecord) -> timedelta | None:
    if record.requested_at is None or not record.approvals:
        return None
    last = max(each.approved_at for each in record.approvals)
    return max(last - record.requested_at, timedelta(0))


def summarize(environment: str, found: Sequence[MeasuredPromotion], period: timedelta) -> Figures:
    """Compute the figures of the promotions to `environment` in a period of that length."""
    count = len(found)
    recovered = [each.recovery for each in found if each.recovery is not None]
    return Figures(
        environment,
        count,
        len(recovered),
        count / (period / timedelta(days=1)),
        median_time([each.lead for each in found if each.lead is not None]),
        len(recovered) / count if count else None,
        median_time(recovered),
    )


def median_time(times: Sequence[timedelta]) -> timedelta | None:
    """Return the median of `times`; None without any."""
    return timedelta(seconds=median(each.total_seconds() for each in times)) if times else None
