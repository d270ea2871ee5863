"""Record in the feed how far the artifact of a change is deployed."""

from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from engine.domain.deployments import Rollout
from engine.ports.change_store import ChangeStore, Event

DEPLOYED = "deployment_reported"
# Reports follow a promotion within hours, so its change is among the newest.
_CHANGES = 50
# Clusters may fail and recover for months, and the feed shows a bounded number of events.
_KEPT = 20


def record_rollout(
    store: ChangeStore, environment: str, record: str | None, found: Rollout
) -> None:
    """Add an event to the change of the `record` that runs in `environment`, if it says more."""
    details: dict[str, JsonValue] = {"summary": found.text, "failed": bool(found.failed)}
    for change in store.recent(_CHANGES):
        if record is None or (change.target, change.record_id) != (environment, record):
            continue
        if last_rollout(store.events_of(change.id)) != details:
            store.add_events(change.id, [(DEPLOYED, details)], keep=_KEPT)
        return


def last_rollout(events: Iterable[Event]) -> Mapping[str, JsonValue] | None:
    """Return the details of the newest event about a deployment among `events`, oldest first."""
    found = [event.details for event in events if event.kind == DEPLOYED]
    return found[-1] if found else None
