"""The card: the message that shows a change in every state."""

from collections.abc import Collection, Sequence

from bot.blocks.deployment import Deployed, deployment_blocks
from bot.blocks.elements import (
    SECTION,
    Block,
    Payload,
    actions,
    button,
    code,
    confirmation,
    context,
    escape,
    fields,
    format_deadline,
    format_time,
    header,
    join_lines,
    mention,
    quote,
    section,
)
from bot.blocks.gates import TABLE_STATES, GateProgress, count_gates, finished_gates, gate_blocks
from bot.blocks.rendering_context import RenderingContext, describe_step
from engine.domain.change import Change, ChangeState
from engine.domain.finding import Outcome
from engine.domain.gate import GateResult, GateStatus
from engine.domain.record_base import ApprovalRecord

CANCEL, RESCHEDULE = "floe_cancel", "floe_reschedule"
_STATUS_TEXTS = {
    ChangeState.BLOCKED: "Blocked :no_entry:",
    ChangeState.EXECUTING: "In progress :rocket:",
    ChangeState.REJECTED: "Rejected :no_entry_sign:",
    ChangeState.EXPIRED: "Expired :alarm_clock:",
    ChangeState.SUPERSEDED: "Superseded :arrows_counterclockwise:",
    ChangeState.STALE: "Out of date :leaves:",
    ChangeState.FAILED: "Failed :x:",
    ChangeState.CANCELLED: "Cancelled :heavy_minus_sign:",
}


def render_card(
    change: Change,
    gates: GateProgress,
    rendering: RenderingContext,
    request_link: str | None,
    deployed: Deployed | None = None,
) -> Payload:
    """Render the card; `request_link` leads to the approval request once it is posted."""
    status = status_text(change)
    blocks: list[Block] = [
        header(f"{change.id}:root", change_title(change)),
        fields("facts", *_facts(change, status)),
    ]
    blocks += _reason(change)
    blocks += gate_blocks(change, gates)
    blocks += _outcome(change, rendering, request_link)
    blocks += _warnings(change)
    blocks += _scheduled_actions(change)
    blocks += deployment_blocks(change, deployed) if deployed else []
    blocks.append(context("ctx", _footer(change, rendering)))
    requester = mention(change.requester.name, change.requester.id)
    spoken = _without_emoji(status)
    if change.state is ChangeState.CHECKING and gates.total:
        # The blocks have a list with this title; notifications show the text alone.
        spoken = f"{spoken}, {finished_gates(len(gates.finished), gates.total)}"
    text = f"{escape(change_title(change))}. {spoken}. Requested by {requester}."
    return Payload(text, tuple(blocks))


def change_title(change: Change) -> str:
    if change.waiver is not None:
        return describe_step(change)
    if change.product and change.action == "rollback":
        return f"Roll back {change.product} to {change.version} in {change.target}"
    if change.product:
        return f"Promote {change.product} {change.version} to {change.target}"
    prefix = "Rollback: " if change.action == "rollback" else ""
    return prefix + describe_step(change)


def status_text(change: Change) -> str:
    """The state in words, followed by an emoji."""
    match change.state:
        case ChangeState.CHECKING:
            return "Checking :hourglass_flowing_sand:"
        case ChangeState.AWAITING_APPROVAL if change.held_back:
            return f"Approved, {held_text(change)} :hourglass:"
        case ChangeState.AWAITING_APPROVAL:
            given = f"{len(change.approvals)} of {change.required}"
            return f"Waiting for approval, {given} :hand:"
        case ChangeState.SCHEDULED if change.scheduled_at:
            return f"Scheduled for {format_time(change.scheduled_at)} :calendar:"
        case ChangeState.PROMOTED:
            return f"{done_word(change)} :white_check_mark:"
        case _:
            return _STATUS_TEXTS[change.state]


def held_text(change: Change) -> str:
    """The window or the lock that holds an approved change back, and its end."""
    until = format_time(change.opens_at) if change.opens_at else ""
    if change.closed_by:
        end = f" until {until}" if until else ""
        return f"waits: {change.target} is closed by window '{escape(change.closed_by, 80)}'{end}"
    end = f", at the latest {until}" if until else ""
    return f"waits until {change.target} is unlocked{end}"


def done_word(change: Change) -> str:
    return {"rollback": "Rolled back", "waive": "Waived"}.get(change.action, "Promoted")


def approvals_names(change: Change) -> str:
    return ", ".join(map(mention_approver, change.approvals))


def approvals_text(change: Change) -> str:
    """The people who approved; empty if no approval was needed."""
    return f"approved by {names}" if (names := approvals_names(change)) else ""


def mention_approver(given: ApprovalRecord) -> str:
    """Mention the approver; a delegate is named with the person they stand in for."""
    person = mention(given.operator, given.operator_id)
    return f"{person} for {escape(given.delegated_by)}" if given.delegated_by else person


def rule_lines(change: Change) -> list[str]:
    """How each rule of approvals is filled, or who can fill it."""
    lines = [
        f":hourglass: *Open:* {escape(rule.described, 300)}"
        if rule.missing
        else f":white_check_mark: {escape(rule.name, 80)}: {escape(', '.join(rule.filled_by), 200)}"
        for rule in change.rules
    ]
    if change.escalates_at:
        groups = escape(" or ".join(change.escalates_to), 200)
        lines.append(f"From {format_time(change.escalates_at)} on also: {groups}")
    return lines


def gate_summary(results: Sequence[GateResult]) -> str:
    """Count passed gates; a skipped gate has not passed."""
    good = [r for r in results if r.status in (GateStatus.PASSED, GateStatus.WARNING)]
    return f"{count_gates(len(good), len(results))} passed"


def end_reason(change: Change) -> str:
    """The reason for a rejection, or the problem that ended the change."""
    if change.ended is None:
        return ""
    return change.ended.message.removeprefix(f"Rejected by {change.ended.by}: ")


def _facts(change: Change, status: str) -> list[str]:
    facts = [
        f"*Status*\n{status}",
        f"*Requested by*\n{mention(change.requester.name, change.requester.id)}",
    ]
    if change.fingerprint is not None and change.waiver is None:
        running = change.fingerprint.running_version
        digest = change.fingerprint.running_digest
        short = f" ({code(digest.removeprefix('sha256:')[:12])})" if digest else ""
        facts.append(f"*Replaces*\n{code(running) + short if running else 'nothing yet'}")
    if change.digest and change.waiver is None:
        facts.append(f"*Artifact*\n`{change.digest[:19]}`")
    return facts


def _reason(change: Change) -> list[Block]:
    return [section("reason", quote(change.reason))] if change.reason else []


def _outcome(change: Change, rendering: RenderingContext, request_link: str | None) -> list[Block]:
    match change.state:
        case ChangeState.CHECKING:
            return []
        case ChangeState.AWAITING_APPROVAL if change.held_back:
            text = f"{approvals_text(change)}. It starts on its own once {change.target} opens."
            return [section("out", text)]
        case ChangeState.AWAITING_APPROVAL:
            place = f"<{request_link}|in the thread>" if request_link else "in the thread"
            lines = [*_needs(change), f"Approve or reject {place}."]
            return [section("out", join_lines(lines, SECTION))]
        case ChangeState.SCHEDULED | ChangeState.EXECUTING | ChangeState.PROMOTED:
            parts = [gate_summary(change.gate_results)] if change.gate_results else []
            parts += [approvals] if (approvals := approvals_text(change)) else []
            return [section("out", " · ".join(parts))] if parts else []
        case ChangeState.REJECTED:
            by = f"{rendering.mention_decider(change)} rejected this:"
            return [section("out", f"{by}\n{end_text(change, rendering)}")]
        case _:
            return [section("out", end_text(change, rendering))]


def _needs(change: Change) -> list[str]:
    """Who approved and who still can."""
    requester = mention(change.requester.name, change.requester.id)
    given = [f"Approved by {approvals}."] if (approvals := approvals_names(change)) else []
    if change.rules:
        return [*given, *rule_lines(change), f"{requester} asked for it and cannot approve it."]
    groups = escape(" or ".join(change.groups or ()), 300) or "a person who may promote"
    more = change.missing_approvals
    count = f"{more} more approvals" if more > 1 else "one more approval"
    return [*given, f"Needs {count} from {groups}, but not from {requester}."]


def _scheduled_actions(change: Change) -> list[Block]:
    """The buttons of a change that waits for its time; the thread has those of its approval."""
    waits = change.state in (ChangeState.AWAITING_APPROVAL, ChangeState.SCHEDULED)
    if not (waits and change.scheduled_at):
        return []
    step = describe_step(change)
    ask = confirmation("Cancel it?", f"*{escape(step, 120)}* will not be carried out.", "Cancel it")
    return [
        actions(
            f"schedule:{change.id}",
            button("Reschedule…", RESCHEDULE, change.id, spoken=f"Reschedule {step}"),
            button("Cancel", CANCEL, change.id, spoken=f"Cancel {step}", confirm=ask),
        )
    ]


def end_text(change: Change, rendering: RenderingContext) -> str:
    """Why the change did not take effect, and the command that requests it again."""
    retry = f"Try again: `{rendering.retry_command(change)}`"
    reason = rendering.use_slash_commands(end_reason(change))
    match change.state:
        case ChangeState.EXPIRED | ChangeState.CANCELLED:
            return f"{escape(reason)}. Nothing was changed. {retry}"
        case ChangeState.BLOCKED:
            return f"{_blockers(change, reason, rendering)}\nNothing was changed. {retry}"
        case ChangeState.SUPERSEDED:
            requester = mention(change.requester.name, change.requester.id)
            return f"{requester}: {escape(reason)}. Nothing was changed. {retry}"
        case _:
            return f"{quote(reason)}\n{retry}"


def _blockers(change: Change, reason: str, rendering: RenderingContext) -> str:
    """List every blocker, so that all of them can be fixed before the next try."""
    found = [f.reason for f in change.findings if f.outcome == Outcome.BLOCKED] or [reason]
    lines = (f"> {escape(rendering.use_slash_commands(text), 500)}" for text in found)
    return join_lines(lines, 2500)


def _footer(change: Change, rendering: RenderingContext) -> str:
    waits = change.state is ChangeState.AWAITING_APPROVAL
    # Of an approved change, the approval expires.
    expires = change.deadline if waits else None
    until = f" · expires {format_deadline(expires)}" if expires else ""
    requested = f"requested {format_time(change.created_at)}"
    if change.scheduled_at and change.state is ChangeState.AWAITING_APPROVAL:
        until = f" · scheduled for {format_time(change.scheduled_at)}{until}"
    return f"{rendering.details_link(change)}{change.id} · {requested}{until}"


def _without_emoji(status: str) -> str:
    return status.rsplit(" :", 1)[0]


def _warnings(change: Change) -> list[Block]:
    """The warnings that neither the table of gates nor the approval request shows."""
    if change.state is ChangeState.AWAITING_APPROVAL and not change.held_back:
        return []
    return lasting_warnings(change, gates_shown=change.state in TABLE_STATES)


def lasting_warnings(change: Change, *, gates_shown: bool = False) -> list[Block]:
    """The warnings without those of gates, but with the vulnerabilities that waivers let pass."""
    results = change.gate_results
    return warning_blocks(change, {r.error for r in results if gates_shown or not r.exempted})


def warning_blocks(change: Change, without: Collection[str | None] = ()) -> list[Block]:
    """One block or none."""
    texts = [text for text in change.warnings if text not in without]
    lines = [f":warning: *Warning:* {escape(text, 500)}" for text in texts]
    return [section("warnings", join_lines(lines, SECTION))] if lines else []
