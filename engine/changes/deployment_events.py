"""Record in the feed how far the artifact of a change is deployed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from engine.domain.deployments import Rollout
from engine.ports.change_store import ChangeStore, Event

DEPLOYED = "deployment_reported"
# Reports follow a promotion within hours, so its change is among the newest.
_CHANGES = 50
# Clusters may fail and recover for months, and the feed shows a bounded number of events.
_KEPT = 20
_MEASURED = 200


def record_rollout(
    store: ChangeStore, environment: str, record: str | None, found: Rollout
) -> None:
    """Add an event to the change of the `record` that runs in `environment`, if it says more."""
    details: dict[str, JsonValue] = {"summary": found.text, "failed": bool(found.failed)}
    if found.took is not None:
        details["took_seconds"] = found.took.total_seconds()
    for change in store.recent(_CHANGES):
        if record is None or (change.target, change.record_id) != (environment, record):
            continue
        if last_rollout(store.events_of(change.id)) != details:
            store.add_events(change.id, [(DEPLOYED, details)], keep=_KEPT)
        return


@dataclass(frozen=True, slots=True)
class MeasuredRollout:
    """
    The rollout of a promotion from the time `at` (UTC), as far as systems that deploy reported it.

    `took` is the time until all targets were healthy for the first time, None before; `failed` says
    whether any target ever failed.
    """

    at: datetime
    took: timedelta | None
    failed: bool


def measure_rollouts(
    store: ChangeStore, environment: str, since: datetime
) -> tuple[MeasuredRollout, ...]:
    """Measure the promotions since then, among the newest 200 changes, that have reports."""
    found = []
    for change in store.recent(_MEASURED):
        at = change.recorded_at
        if change.target != environment or change.record_id is None or at is None or at < since:
            continue
        reported = [e.details for e in store.events_of(change.id) if e.kind == DEPLOYED]
        if change.action == "promote" and reported:
            times = [each["took_seconds"] for each in reported if "took_seconds" in each]
            took = timedelta(seconds=float(str(times[0]))) if times else None
            found.append(MeasuredRollout(at, took, any(each.get("failed") for each in reported)))
    return tuple(found)


def last_rollout(events: Iterable[Event]) -> Mapping[str, JsonValue] | None:
    """Return the details of the newest event about a deployment among `events`, oldest first."""
    found = [event.details for event in events if event.kind == DEPLOYED]
    return found[-1] if found else None
