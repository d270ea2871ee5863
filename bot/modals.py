"""Renders the forms of commands and clicks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from bot.blocks.elements import (
    TITLE,
    Block,
    Payload,
    View,
    code,
    context,
    count_products,
    escape,
    join_lines,
    plain_text,
    section,
)
from bot.blocks.impact import impact_lines
from bot.blocks.rendering_context import RenderingContext, describe_step
from bot.modal_inputs import (
    Draft,
    environment_input,
    labelled,
    modal,
    product_input,
    text_input,
    version_input,
)
from engine.domain.change import Change
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.product import UNNAMED

PROMOTE_FORM, ROLLBACK_FORM = "floe_promote", "floe_rollback_form"
LOCK_FORM, UNLOCK_FORM, REJECT_FORM = "floe_lock", "floe_unlock_form", "floe_reject_form"
ROLLBACK_CHOICE, UNLOCK_CHOICE = "floe_rollback_choice", "floe_unlock_choice"
RESCHEDULE_FORM = "floe_reschedule_form"
LOCK_ALL_FORM, UNLOCK_ALL_FORM = "floe_lock_all_form", "floe_unlock_all_form"
_MAX_REASON = 500


@dataclass(frozen=True)
class RollbackPreview:
    """The effect of a rollback, shown before it is requested."""

    version: str
    target: str
    running: str | None
    analysis: ImpactAnalysis | None
    approvals: int
    product: str = UNNAMED
    incident: str = ""


# A form that asks for the product too, by the metadata and the known values.
ChoiceForm = Callable[[RenderingContext, Mapping[str, JsonValue], Draft], View]


def promote_form(
    rendering: RenderingContext, metadata: Mapping[str, JsonValue], draft: Draft
) -> View:
    note = "It must already be in the previous environment."
    blocks = [
        *product_input(rendering),
        version_input(rendering, draft.version, note),
        environment_input(rendering, draft.target, "To"),
        _time_input(draft.at, "Empty: now. A later time has a zone.", optional=True),
        *_incident_input(rendering, draft.incident),
        *_reason_of_incident(rendering, draft),
    ]
    return modal(PROMOTE_FORM, "Promote a version", "Promote", blocks, metadata)


def rollback_form(
    rendering: RenderingContext,
    preview: RollbackPreview,
    metadata: Mapping[str, JsonValue],
    reason: str,
) -> View:
    blocks = [
        section("step", _rollback_step(preview)),
        section("impact", join_lines(_impact_lines(preview), 2800)),
        labelled(
            "reason",
            "Why are you rolling back?",
            text_input(reason, "5xx since the release", _MAX_REASON),
            "The reason is announced and recorded.",
        ),
        *_incident_input(rendering, preview.incident),
    ]
    title = f"Roll back {preview.target}"
    return modal(ROLLBACK_FORM, title, "Roll back", blocks, metadata)


def rollback_choice(
    rendering: RenderingContext, metadata: Mapping[str, JsonValue], draft: Draft
) -> View:
    """Ask for the product, the environment and the version; the impact is shown next."""
    blocks = [
        *product_input(rendering),
        environment_input(rendering, draft.target),
        labelled(
            "version",
            "Version",
            text_input(draft.version, "v1.2.2", 128, multiline=False),
            "Empty: the previous version.",
            optional=True,
        ),
        *_incident_input(rendering, draft.incident),
    ]
    return modal(ROLLBACK_CHOICE, "Roll back", "Show the impact", blocks, metadata)


def lock_form(rendering: RenderingContext, metadata: Mapping[str, JsonValue], draft: Draft) -> View:
    blocks = [
        *product_input(rendering),
        environment_input(rendering, draft.target),
        *lock_inputs(draft),
    ]
    return modal(LOCK_FORM, "Lock an environment", "Lock", blocks, metadata)


def lock_inputs(draft: Draft) -> tuple[Block, ...]:
    """The reason and the duration of a lock."""
    return (
        labelled(
            "reason", "Why?", text_input(draft.reason, "INC-42: database failover", _MAX_REASON)
        ),
        labelled(
            "duration",
            "For how long?",
            text_input(draft.duration, "30m", 20, multiline=False),
            "30m, 2h or 1d. Empty: until it is unlocked.",
            optional=True,
        ),
    )


def unlock_form(place: str, title: str, metadata: Mapping[str, JsonValue]) -> View:
    blocks = [
        section("effect", f"Unlocking *{escape(place, 200)}* allows promotions again."),
        _unlock_reason(""),
    ]
    return modal(UNLOCK_FORM, title, "Unlock", blocks, metadata)


def lock_all_form(
    allowed: Sequence[str], refused: Sequence[str], metadata: Mapping[str, JsonValue], draft: Draft
) -> View:
    """List the products whose environment is locked, and ask for the reason."""
    target = escape(draft.target, 60)
    if not allowed:
        return message_modal("Lock", f"*Not locked:* you may not lock {target} of any product.")
    blocks = [
        section("products", f"Locks *{target}* of {count_products(allowed)}: {_listed(allowed)}"),
        *lock_inputs(draft),
    ]
    if refused:
        blocks.append(context("not", f"You may not lock it of {_listed(refused)}."))
    return modal(LOCK_ALL_FORM, f"Lock {draft.target}", "Lock all", blocks, metadata)


def unlock_all_form(metadata: Mapping[str, JsonValue]) -> View:
    blocks = [
        section("effect", "Unlocks only the locks of this message."),
        _unlock_reason(""),
    ]
    return modal(UNLOCK_ALL_FORM, "Unlock all", "Unlock all", blocks, metadata)


def _listed(products: Sequence[str]) -> str:
    return escape(", ".join(products), 2500)


def unlock_choice(
    rendering: RenderingContext, metadata: Mapping[str, JsonValue], draft: Draft
) -> View:
    blocks = [
        *product_input(rendering),
        environment_input(rendering, draft.target),
        _unlock_reason(draft.reason),
    ]
    return modal(UNLOCK_CHOICE, "Unlock an environment", "Unlock", blocks, metadata)


def _unlock_reason(reason: str) -> Block:
    return labelled("reason", "Why?", text_input(reason, "The failover is done", _MAX_REASON))


def reject_form(change: Change, metadata: Mapping[str, JsonValue]) -> View:
    blocks = [
        section("effect", f"*{escape(describe_step(change))}* will not be carried out."),
        labelled(
            "reason",
            "Why do you reject it?",
            text_input("", "The migration is not reviewed", _MAX_REASON),
            "The reason is announced and recorded.",
        ),
    ]
    return modal(REJECT_FORM, "Reject", "Reject", blocks, metadata)


def reschedule_form(change: Change, metadata: Mapping[str, JsonValue]) -> View:
    again = "If its requester moves it, it has to be approved again." if change.required else ""
    text = f"*{escape(describe_step(change))}* is carried out at another time. {again}"
    blocks = [section("effect", text.strip()), _time_input("", "A time has a zone.")]
    return modal(RESCHEDULE_FORM, "Reschedule", "Reschedule", blocks, metadata)


def _time_input(value: str, hint: str, *, optional: bool = False) -> Block:
    example = text_input(value, "2026-12-01T09:00[Europe/Berlin]", 80, multiline=False)
    return labelled("at", "Time", example, hint, optional=optional)


def _incident_input(rendering: RenderingContext, value: str) -> tuple[Block, ...]:
    """Ask for the incident of a break-glass, where manifest.yaml allows one."""
    groups = rendering.break_glass_groups
    if not groups:
        return ()
    hint = (
        f"Only in an incident, by {', '.join(groups)}: skips approvals, windows and locks of "
        "others. Empty: no break-glass."
    )
    element = text_input(value, "INC-42", 100, multiline=False)
    return (labelled("incident", "Break-glass: incident", element, hint, optional=True),)


def _reason_of_incident(rendering: RenderingContext, draft: Draft) -> tuple[Block, ...]:
    if not rendering.break_glass_groups:
        return ()
    element = text_input(draft.reason, "checkout is down", _MAX_REASON)
    hint = "Needed with an incident. It is announced and recorded."
    return (labelled("reason", "Break-glass: reason", element, hint, optional=True),)


def status_modal(title: str, status: Payload) -> View:
    """A modal that shows the `status` of a product."""
    return {**message_modal(title, ""), "blocks": list(status.blocks)}


def message_modal(title: str, text: str) -> View:
    """A modal that only shows `text`, which is already escaped."""
    return {
        "type": "modal",
        "callback_id": "floe_said",
        "title": plain_text(title, TITLE),
        "close": plain_text("Close", TITLE),
        "blocks": [section("said", text)],
    }


def _rollback_step(preview: RollbackPreview) -> str:
    running = code(preview.running) if preview.running else "nothing"
    place = f"{preview.product} {preview.target}" if preview.product else preview.target
    return f"*{escape(place, 130)}*: {running} → {code(preview.version)}"


def _impact_lines(preview: RollbackPreview) -> list[str]:
    lines = ["*Impact*", *impact_lines(preview.analysis)]
    if preview.analysis is None:
        return lines
    if preview.incident:
        lines.append(
            f"• Break-glass for {escape(preview.incident, 100)}: needs a review afterwards"
        )
    if preview.approvals:
        lines.append(f"• Needs {preview.approvals} approval(s)")
    lines.append("• Gates do not run; database migrations are not undone.")
    return lines
