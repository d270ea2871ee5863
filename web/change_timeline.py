"""The page of a change: steps, timeline, gates and their durations."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from pydantic import JsonValue, ValidationError

from engine.changes.checkpoint_events import checkpoint_text
from engine.domain.change import Change, ChangeState
from engine.domain.errors import PromotionError
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.text import last_lines
from web.formatting import Prepared, spoken, terminal
from web.site import Site

_STEPS = ("request", "checks", "approval", "execution")
_LABELS = {
    "submitted": "requested",
    "gate_started": "gate started",
    "gate_finished": "gate ended",
    "awaiting_approval": "checked, waits for approval",
    "superseding": "superseded an older change",
    "checked": "checked",
    "approved": "approved",
    "approval_lost": "an approval no longer counts",
    "locked": "blocked by a lock",
    "closed": "blocked by a freeze window",
    "resumed": "continues",
    "due": "its time has come, checked again",
    "rescheduled": "moved to another time",
    "promoted": "done",
    "stale": "stale: the approved facts changed",
    "checkpointed": "signed in a checkpoint",
    "deployment_reported": "deployment reported",
}
# The number of done steps per state. A change that ended early ended in the step after them.
_DONE = {
    ChangeState.CHECKING: 1,
    ChangeState.BLOCKED: 1,
    ChangeState.FAILED: 1,
    ChangeState.AWAITING_APPROVAL: 2,
    ChangeState.SCHEDULED: 3,
    ChangeState.REJECTED: 2,
    ChangeState.EXPIRED: 2,
    ChangeState.STALE: 2,
    ChangeState.EXECUTING: 3,
    ChangeState.PROMOTED: 4,
}


@dataclass(frozen=True)
class Step:
    """A step. `state` is done, now, ended or ahead."""

    name: str
    state: str


@dataclass(frozen=True)
class TimelineEntry:
    """An event of a change. `by` is the operator behind it, empty for floe itself."""

    at: datetime
    event: str
    details: str
    by: str


@dataclass(frozen=True)
class GateView:
    """
    A gate of a change: `started` while it runs, `result` once it ended. Of a failed one, `output`
    has the last 40 lines only; `cut` says whether there are more.
    """

    gate: str
    # The place of its output on the page; messages in Slack link to it.
    anchor: str
    result: GateResult | None
    started: datetime | None = None
    usual_seconds: float | None = None
    output: Prepared | None = None
    cut: bool = False


def steps(change: Change) -> tuple[Step, ...]:
    names = [name for name in _STEPS if name != "approval" or _needs_approval(change)]
    done = _STEPS[: _done(change)]
    listed = []
    for name in names:
        if name in done:
            listed.append(Step(name, "done"))
        elif any(each.state in ("now", "ended") for each in listed):
            listed.append(Step(name, "ahead"))
        else:
            listed.append(Step(name, "now" if change.open else "ended"))
    return tuple(listed)


def timeline(site: Site, change: Change) -> tuple[TimelineEntry, ...]:
    """Return the events of a change from the feed, or from the change itself if they expired."""
    events = site.platform.store.events_of(change.id)
    if not events:
        requested = TimelineEntry(change.created_at, "requested", "", change.requester.name)
        why = change.ended.message if change.ended else ""
        ended = TimelineEntry(change.updated_at, _label(change.state.value), why, "")
        return (requested,) if change.open else (requested, ended)
    return tuple(
        TimelineEntry(e.at, _label(e.kind), _describe(e.details), str(e.details.get("by", "")))
        for e in events
    )


def gates(site: Site, change: Change) -> tuple[GateView, ...]:
    """Return ended, running and pending gates, in the order of the target."""
    running: dict[str, datetime] = {}
    results = {result.gate.value: result for result in change.gate_results}
    for event in site.platform.store.events_of(change.id) if change.open else ():
        if event.kind == "gate_started":
            running[str(event.details.get("gate"))] = event.at
        elif event.kind == "gate_finished" and (result := _result(event.details)):
            results.setdefault(result.gate.value, result)
    target = next(
        (e for e in site.platform.engine.path.environments if e.name == change.target), None
    )
    expected = [gate.kind.value for gate in target.gates] if target and change.open else []
    return tuple(
        _gate(site, change, name, results.get(name), running.get(name))
        for name in dict.fromkeys([*results, *running, *expected])
    )


def _gate(
    site: Site, change: Change, name: str, result: GateResult | None, started: datetime | None
) -> GateView:
    kind = GateKind(name)
    ran = () if result else site.platform.store.gate_seconds(change.target, kind)
    output = site.platform.store.output(change.id, kind) or b""
    failed = result is not None and result.status is GateStatus.FAILED
    last = last_lines(output) if failed else []
    return GateView(
        gate=spoken(name),
        anchor=f"output-{name.replace('_', '-')}",
        result=result,
        started=None if result else started,
        usual_seconds=median(ran) if ran else None,
        output=Prepared("\n".join(last)) if failed else terminal(output) if output else None,
        cut=failed and len(output.splitlines()) > len(last),
    )


def _result(details: Mapping[str, JsonValue]) -> GateResult | None:
    try:
        return GateResult.model_validate(details.get("result"))
    except ValidationError:
        return None


def _needs_approval(change: Change) -> bool:
    return change.required > 0 or change.state is ChangeState.AWAITING_APPROVAL


def _done(change: Change) -> int:
    if change.state is ChangeState.CANCELLED or change.state is ChangeState.SUPERSEDED:
        return 2 if change.required else 1
    if change.state in (ChangeState.BLOCKED, ChangeState.FAILED) and change.required:
        return 3
    return _DONE[change.state]


def _label(kind: str) -> str:
    return _LABELS.get(kind, kind.replace("_", " "))


def _describe(details: Mapping[str, JsonValue]) -> str:
    result = details.get("result")
    if isinstance(result, dict):
        return f"{spoken(str(result.get('gate')))} {result.get('status')}"
    if "root" in details:
        return checkpoint_text(details)
    if "gate" in details:
        return spoken(str(details["gate"]))
    named = ("why", "reason", "differences", "summary")
    found = next((details[name] for name in named if details.get(name)), "")
    return "; ".join(map(str, found)) if isinstance(found, list) else str(found)


def progress(
    site: Site, change: Change
) -> tuple[tuple[TimelineEntry, ...], tuple[GateView, ...]] | None:
    """Return the timeline and gates of a change; None while the store cannot be read."""
    try:
        return timeline(site, change), gates(site, change)
    except PromotionError:
        return None
