"""Four figures of software delivery (https://dora.dev), computed from the ledgers only."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from engine.domain.errors import UsageError
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


@dataclass
class _Deployment:
    at: datetime
    digest: str
    lead: timedelta | None
    recovery: timedelta | None = None


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
    found = _deployments(reversed([each for each in newest_first if each.at < until]))
    days = (until - since) / timedelta(days=1)
    return tuple(
        _summarize(name, [each for each in found[name] if each.at >= since], days)
        for name in environments
    )


def _deployments(oldest_first: Iterable[AnyRecord]) -> dict[str, list[_Deployment]]:
    found: dict[str, list[_Deployment]] = defaultdict(list)
    first: dict[str, datetime] = {}
    running: dict[str, _Deployment] = {}
    for record in oldest_first:
        if not isinstance(record, PromotionRecord | RollbackRecord):
            continue
        place, at, digest = record.ledger, record.at, record.artifact_digest
        if isinstance(record, PromotionRecord):
            lead = at - first[digest] if digest in first else None
            made = running[place] = _Deployment(at, digest, lead)
            found[place].append(made)
        else:
            left = running.pop(place, None)
            if left is not None and left.digest == record.previous_digest:
                left.recovery = at - left.at
        first.setdefault(digest, at)
    return found


def _summarize(name: str, deployments: Sequence[_Deployment], days: float) -> Figures:
    count = len(deployments)
    recovered = [each.recovery for each in deployments if each.recovery is not None]
    return Figures(
        name,
        count,
        len(recovered),
        count / days,
        _median([each.lead for each in deployments if each.lead is not None]),
        len(recovered) / count if count else None,
        _median(recovered),
    )


def _median(times: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(each.total_seconds() for each in times)) if times else None
