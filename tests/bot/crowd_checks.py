"""Compares the requests of a crowd with the resulting changes, messages, records and answers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from engine.domain.change import Change, ChangeState
from engine.domain.record import PromotionRecord, RejectionRecord
from engine.platform import Platform
from engine.ports import NO_PROGRESS
from tests.bot.crowd import Case, status_text
from tests.bot.fake_slack import DELETED, FakeSlack, Json
from tests.bot.stage import buttons

_MOST = 100_000
Lanes = Sequence[Sequence[Case]]


def find_problems(
    lanes: Lanes, platform: Platform, slack: FakeSlack, *, repeat: bool = False
) -> list[str]:
    """
    List everything that was lost, duplicated or wrong, one sentence each.

    Changes of other environments than those of `lanes` are not looked at. Where people `repeat`
    requests, private answers are not counted, a change that failed was requested again, a late
    repetition is refused or finds the record of the first one, and a rejection holds without a
    record while the registry is down.
    """
    targets = {lane[0].target for lane in lanes}
    changes = [each for each in platform.store.recent(_MOST) if each.target in targets]
    if repeat:
        changes = list(_first([each for each in changes if not _is_repeated(each)]))
    return [
        *_changes(lanes, changes),
        *_messages(changes, slack),
        *_records(lanes, changes, platform, fewest=0 if repeat else 1),
        *(_answers(lanes, slack) if not repeat else ()),
        *_audited(platform),
        *(f"Slack refused a layout: {problem}" for problem in slack.refused),
    ]


def _first(changes: Iterable[Change]) -> Iterator[Change]:
    """The first change of each record."""
    recorded = set()
    for change in sorted(changes, key=lambda each: each.created_at):
        if change.record_id not in recorded:
            yield change
        recorded |= {change.record_id} - {None}


def _is_repeated(change: Change) -> bool:
    refused = not change.open and change.context.get("quiet") is True
    return refused or change.state is ChangeState.FAILED


def ending(lane: Sequence[Case], case: Case) -> ChangeState:
    """The expected final state; a waiting change is superseded by the next one."""
    if case.way.ends is not None:
        return case.way.ends
    return ChangeState.AWAITING_APPROVAL if case is lane[-1] else ChangeState.SUPERSEDED


def _changes(lanes: Lanes, changes: Sequence[Change]) -> Iterator[str]:
    found = Counter((change.version, change.target) for change in changes)
    states = {(change.version, change.target): change for change in changes}
    for lane in lanes:
        for case in lane:
            number = found.pop((case.version, case.target), 0)
            if number != 1:
                yield f"{case.step} ({case.way.name}) has {number} changes"
            else:
                yield from _state(ending(lane, case), case, states[case.version, case.target])
    yield from (f"{version} in {target} was not requested" for version, target in found)


def _state(wanted: ChangeState, case: Case, change: Change) -> Iterator[str]:
    if change.state is not wanted:
        yield f"{case.step} ({case.way.name}) is {change.state}, not {wanted}"
    agreed = 1 if wanted is ChangeState.PROMOTED and change.required else 0
    if len(change.approvals) != agreed:
        yield f"{case.step} ({case.way.name}) has {len(change.approvals)} approvals, not {agreed}"


def _messages(changes: Sequence[Change], slack: FakeSlack) -> Iterator[str]:
    there = [message for message in slack.messages if message["channel"] != DELETED]
    messages = {_key(message): message for message in there}
    # A message that Slack did not confirm may be there twice, and its copy says so.
    sure = Counter(_key(message) for message in there if not _is_doubtful(message))
    if twice := [key for key, times in sure.items() if times > 1]:
        yield f"posted twice: {', '.join(twice)}"
    for change in changes:
        wanted = ["root", *(["ask"] if change.required else []), *(["end"] * (not change.open))]
        for name in wanted:
            if f"{change.id}:{name}" not in messages:
                yield f"{change.id} ({change.state}) has no message '{name}'"
        yield from _shown(change, messages)


def _is_doubtful(message: Json) -> bool:
    return any(block.get("block_id") == "doubt" for block in message["blocks"])


def _shown(change: Change, messages: dict[str, Json]) -> Iterator[str]:
    """Compare the messages of a change with its state."""
    root, ask = messages.get(f"{change.id}:root"), messages.get(f"{change.id}:ask")
    if root and status_text(change.state) not in root["text"]:
        yield f"{change.id} is {change.state}, and Slack says: {root['text']}"
    waits = change.state is ChangeState.AWAITING_APPROVAL
    if ask and bool(buttons(ask)) is not waits:
        yield f"{change.id} is {change.state}, and its buttons are {buttons(ask)}"


def _records(
    lanes: Lanes, changes: Sequence[Change], platform: Platform, fewest: int
) -> Iterator[str]:
    """Compare changes with records. A rejection has `fewest` to one record."""
    entries = [
        entry.record for lane in lanes for entry in platform.engine.history(lane[0].target, _MOST)
    ]
    promoted = Counter(r.id for r in entries if isinstance(r, PromotionRecord))
    rejected = Counter(r.change_id for r in entries if isinstance(r, RejectionRecord))
    kept = {r.id: r for r in entries if isinstance(r, PromotionRecord)}
    for change in changes:
        if change.state is ChangeState.PROMOTED:
            record = kept.get(change.record_id or "")
            if record is None or promoted[record.id] != 1 or record.version != change.version:
                yield f"{change.id} is promoted, but not recorded exactly once"
        is_rejected = change.state is ChangeState.REJECTED
        if not fewest * is_rejected <= rejected[change.id] <= is_rejected:
            yield f"{change.id} is {change.state}, with {rejected[change.id]} recorded rejections"
    done = sum(change.state is ChangeState.PROMOTED for change in changes)
    before = len([r for r in promoted if r not in {c.record_id for c in changes}])
    if promoted.total() != done + before:
        yield f"{promoted.total()} promotions recorded, not {done} and {before} earlier"


def _answers(lanes: Lanes, slack: FakeSlack) -> Iterator[str]:
    given = [case.way.answers for lane in lanes for case in lane]
    least, most = (sum(bounds) for bounds in zip(*given, strict=True))
    if not least <= _count_answers(slack) <= most:
        yield f"{_count_answers(slack)} private answers were sent, not {least} to {most}"


def _count_answers(slack: FakeSlack) -> int:
    return len(slack.responses) + len(slack.ephemerals)


def _audited(platform: Platform) -> Iterator[str]:
    """List the findings of `floe platform audit verify`."""
    for audit in platform.engine.verify(None, NO_PROGRESS).environments:
        yield from (remark.message for remark in audit.problems)


def summary(platform: Platform, slack: FakeSlack) -> Iterator[str]:
    """Count changes, messages and ledger entries."""
    changes = platform.store.recent(_MOST)
    states = Counter(change.state.value for change in changes)
    yield f"{len(changes)} changes: {', '.join(f'{n} {s}' for s, n in states.most_common())}"
    edits = sum(message["edits"] for message in slack.messages)
    yield f"{len(slack.messages)} messages, {edits} edits and {_count_answers(slack)} answers"
    audits = platform.engine.verify(None, NO_PROGRESS).environments
    yield f"{len(audits)} ledgers of {sum(a.entries for a in audits)} entries verified"


def _key(message: Json) -> str:
    return str(message["metadata"]["event_payload"]["key"])
