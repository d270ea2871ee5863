"""The announcement of a break-glass, which asks for its review."""

from bot.blocks.elements import Payload, actions, button, escape, format_time, quote, section
from bot.blocks.rendering_context import RenderingContext
from engine.domain.break_glass import OpenReview
from engine.domain.release_records import ReviewRecord

REVIEW = "floe_review"


def announcement(
    key: str,
    review: OpenReview,
    place: str,
    reviewers: str,
    rendering: RenderingContext,
    *,
    overdue: bool = False,
) -> Payload:
    """Announce a break-glass in `place`, or that its review is overdue, to `reviewers`."""
    who = rendering.mention(review.operator)
    title = "The review is overdue: break-glass" if overdue else "Break-glass"
    head = f"*{title} for {escape(review.incident, 100)}:* {_deed(review, place, rendering)}"
    command = rendering.use_slash_commands(review.command)
    asked = (
        f"{reviewers}: someone other than {who} must review it until {format_time(review.due)}, "
        f"here, on the page or with `{command}`"
    )
    text = f":rotating_light: {head}\n{quote(review.reason)}\n{asked}"
    spoken = f"Review the break-glass for {review.incident}"
    ask = button("Review…", REVIEW, review.record, style="primary", spoken=spoken)
    return Payload(text, (section(key, text), actions(f"ask:{key}", ask)))


def ended_announcement(
    key: str,
    review: OpenReview,
    place: str,
    given: ReviewRecord | None,
    rendering: RenderingContext,
) -> Payload:
    """Say how the break-glass was reviewed; the record `given` is None if it was not found."""
    head = f"*Break-glass for {escape(review.incident, 100)}:* {_deed(review, place, rendering)}"
    outcome = ":white_check_mark: It was reviewed."
    if given is not None:
        verb = "accepted it" if given.accepted else "objected"
        emoji = ":white_check_mark:" if given.accepted else ":no_entry:"
        outcome = f"{emoji} {rendering.mention(given.operator)} {verb}:\n{quote(given.reason)}"
    text = f"{head}\n{quote(review.reason)}\n{outcome}"
    return Payload(text, (section(key, text),))


def _deed(review: OpenReview, place: str, rendering: RenderingContext) -> str:
    who = rendering.mention(review.operator)
    return (
        f"{who} changed {escape(place, 150)} to *{escape(review.version)}* past approvals, windows "
        "and locks."
    )
