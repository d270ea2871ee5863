"""The one message of a change, through all its states."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.blocks.elements import (
    SECTION,
    Block,
    Payload,
    bounded,
    context,
    fields,
    foreign,
    header,
    quoted,
    section,
    when,
    who,
)
from bot.blocks.gates import gate_line, gates_first
from bot.blocks.rendering_context import Look, step
from engine.domain.change import Change, ChangeState
from engine.domain.finding import Outcome
from engine.domain.gate import GateResult, GateStatus

_GATES_SHOWN = 12
_SAID = {
    ChangeState.BLOCKED: "Blocked :no_entry:",
    ChangeState.EXECUTING: "Carrying out :rocket:",
    ChangeState.REJECTED: "Rejected :no_entry_sign:",
    ChangeState.EXPIRED: "Expired :alarm_clock:",
    ChangeState.SUPERSEDED: "Superseded :arrows_counterclockwise:",
    ChangeState.STALE: "Stale :leaves:",
    ChangeState.FAILED: "Failed :x:",
    ChangeState.CANCELLED: "Cancelled :heavy_minus_sign:",
}


@dataclass(frozen=True)
class GateProgress:
    """The gates of a change that is being checked: how many there are, and those that ended."""

    total: int = 0
    finished: tuple[GateResult, ...] = ()
    running: tuple[str, ...] = ()


def root(change: Change, gates: GateProgress, look: Look, ask_link: str | None) -> Payload:
    """`ask_link` leads to where it is decided, once that is known."""
    status = status_of(change, gates)
    blocks: list[Block] = [
        header(f"{change.id}:root", title(change)),
        fields("facts", *_facts(change, status)),
    ]
    blocks += _reason(change)
    blocks += _gates(change, gates)
    blocks += _outcome(change, look, ask_link)
    blocks += warning_blocks(change, "warnings")
    blocks.append(context("ctx", _footer(change, look)))
    asked = who(change.requester.name, change.requester.id)
    text = f"{foreign(title(change))}. {_words(status)}. Requested by {asked}."
    return Payload(text, tuple(blocks))


def title(change: Change) -> str:
    return f"Rollback: {step(change)}" if change.action == "rollback" else step(change)


def status_of(change: Change, gates: GateProgress) -> str:
    """The state in words, then as a picture for those who skim."""
    match change.state:
        case ChangeState.CHECKING if gates.total:
            done = len(gates.finished)
            return f"Checking, gates {done}/{gates.total} :hourglass_flowing_sand:"
        case ChangeState.CHECKING:
            return "Checking :hourglass_flowing_sand:"
        case ChangeState.AWAITING_APPROVAL:
            given = f"{len(change.approvals)} of {change.required}"
            return f"Waiting for approval, {given} :hand:"
        case ChangeState.PROMOTED:
            done_word = "Rolled back" if change.action == "rollback" else "Promoted"
            return f"{done_word} :white_check_mark:"
        case _:
            return _SAID[change.state]


def approved_by(change: Change) -> str:
    """Who agreed; empty where nobody had to."""
    people = [who(given.operator, given.operator_id) for given in change.approvals]
    return f"approved by {', '.join(people)}" if people else ""


def passed_of(results: Sequence[GateResult]) -> str:
    """A gate that was skipped has not passed."""
    good = [r for r in results if r.status in (GateStatus.PASSED, GateStatus.WARNING)]
    return f"{len(good)} of {len(results)} gates passed"


def ended_because(change: Change) -> str:
    """The reason somebody gave, or what was found."""
    if change.ended is None:
        return ""
    return change.ended.message.removeprefix(f"Rejected by {change.ended.by}: ")


def _facts(change: Change, status: str) -> list[str]:
    facts = [
        f"*Status*\n{status}",
        f"*Requested by*\n{who(change.requester.name, change.requester.id)}",
    ]
    agreed = change.fingerprint
    if agreed is not None:
        replaces = f"`{agreed.running_version}`" if agreed.running_version else "nothing yet"
        facts.append(f"*Replaces*\n{replaces}")
    if change.digest:
        facts.append(f"*Artifact*\n`{change.digest[:19]}`")
    return facts


def _reason(change: Change) -> list[Block]:
    return [section("reason", quoted(change.reason))] if change.reason else []


def _gates(change: Change, gates: GateProgress) -> list[Block]:
    results = change.gate_results or gates.finished
    lines = [gate_line(result) for result in gates_first(results)]
    if change.state is ChangeState.CHECKING:
        lines += [f"*{foreign(name, 40)}* running" for name in gates.running]
    elif change.state not in (ChangeState.AWAITING_APPROVAL, ChangeState.BLOCKED):
        return []
    if len(lines) > _GATES_SHOWN:
        lines = [*lines[:_GATES_SHOWN], f"…and {len(lines) - _GATES_SHOWN} more"]
    return [section("gates", bounded(lines, SECTION))] if lines else []


def _outcome(change: Change, look: Look, ask_link: str | None) -> list[Block]:
    match change.state:
        case ChangeState.CHECKING:
            return []
        case ChangeState.AWAITING_APPROVAL:
            place = f"<{ask_link}|in the thread>" if ask_link else "in the thread"
            said = f"Somebody else must agree: approve or reject {place}."
            return [section("out", said)]
        case ChangeState.EXECUTING | ChangeState.PROMOTED:
            parts = [passed_of(change.gate_results)] if change.gate_results else []
            parts += [agreed] if (agreed := approved_by(change)) else []
            return [section("out", " · ".join(parts))] if parts else []
        case _:
            return [section("out", ended(change, look))]


def ended(change: Change, look: Look) -> str:
    """Why it did not take effect, and what may be done."""
    again = f"Ask again: `{look.again(change)}`"
    because = ended_because(change)
    match change.state:
        case ChangeState.REJECTED:
            return f"{look.decider(change)} rejected this:\n{quoted(because)}\n{again}"
        case ChangeState.EXPIRED:
            return f"{foreign(because)}. Nothing was changed. {again}"
        case ChangeState.BLOCKED:
            return f"{_blockers(change, because, look)}\nNothing was changed. {again}"
        case ChangeState.SUPERSEDED:
            requester = who(change.requester.name, change.requester.id)
            return f"{requester}: {foreign(because)}. Nothing was changed. {again}"
        case ChangeState.CANCELLED:
            return f"{foreign(because)}. Nothing was changed. {again}"
        case _:
            return f"{quoted(because)}\n{again}"


def _blockers(change: Change, because: str, look: Look) -> str:
    """Every one of them, so that they can be cleared at once."""
    found = [f.reason for f in change.findings if f.outcome == Outcome.BLOCKED] or [because]
    return bounded((f"> {foreign(look.in_slack(reason), 500)}" for reason in found), 2500)


def _footer(change: Change, look: Look) -> str:
    expires = change.expires_at if change.state is ChangeState.AWAITING_APPROVAL else None
    until = f" · expires {when(expires)}" if expires else ""
    return f"{look.details(change)}{change.id} · asked {when(change.created_at)}{until}"


def _words(status: str) -> str:
    return status.rsplit(" :", 1)[0]


def warning_blocks(change: Change, key: str) -> tuple[Block, ...]:
    """One block, or none: what gates warned of stands with the gates."""
    said = {result.error for result in change.gate_results}
    lines = [
        f":warning: *Warning:* {foreign(text, 500)}" for text in change.warnings if text not in said
    ]
    return (section(key, bounded(lines, SECTION)),) if lines else ()
