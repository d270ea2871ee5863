"""Asks for the review of a break-glass in a form that shows the facts."""

from collections.abc import Iterator

from slack_bolt import App

from bot.blocks.break_glass import REVIEW
from bot.blocks.elements import (
    Block,
    Payload,
    View,
    code,
    escape,
    format_time,
    join_lines,
    quote,
    section,
)
from bot.blocks.home import loading_modal
from bot.blocks.rendering_context import RenderingContext
from bot.break_glass import AnnouncedReview, BreakGlassNotices
from bot.catalog import Catalog, may_view
from bot.dispatcher import Dispatcher
from bot.identity import SlackIdentities
from bot.inbox import Origin
from bot.listeners import InvalidFormError, wrap_click, wrap_submission
from bot.modal_inputs import labelled, modal, option, read_input, text_input
from bot.modal_opener import ModalOpener
from bot.modals import message_modal
from bot.payloads import Body, read_action_value, read_click_origin, read_trigger
from bot.submissions import accept_form, read_form, read_reason
from engine.domain.errors import PromotionError
from engine.domain.impact.delta import describe
from engine.domain.parsing import parse_review_request
from engine.domain.plan import GateMode
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.trace import trace_id
from engine.platform import Platform
from engine.ports import NO_PROGRESS

REVIEW_FORM = "floe_review_form"
ACCEPT, OBJECT = "Accept it", "Object to it"
_TITLE = "Review a break-glass"
_HISTORY_LIMIT = 100
_RECENT = 100
_REASON_PENDING = "not entered yet"


class ReviewForms:
    def __init__(
        self,
        catalog: Catalog,
        identities: SlackIdentities,
        notices: BreakGlassNotices,
        opener: ModalOpener,
        dispatcher: Dispatcher,
    ) -> None:
        self._catalog = catalog
        self._identities = identities
        self._notices = notices
        self._opener = opener
        self._dispatcher = dispatcher

    def listen(self, app: App) -> None:
        app.action(REVIEW)(wrap_click("Not opened", self.open, self._notify))
        app.view(REVIEW_FORM)(wrap_submission("Not reviewed", "reason", self.submit))

    def open(self, body: Body) -> None:
        """Open a form at once, and read the facts while it says that it is loading."""
        origin, record = read_click_origin(body), read_action_value(body)
        trigger = read_trigger(body, origin)
        self._opener.open(trigger, loading_modal(_TITLE), lambda: self._view(origin, record))

    def submit(self, body: Body) -> None:
        view, metadata = read_form(body)
        verdict = read_input(view, "verdict")
        if verdict not in (ACCEPT, OBJECT):
            raise InvalidFormError({"verdict": f"Choose '{ACCEPT}' or '{OBJECT}'"})
        arguments = {
            "record": metadata.get("record", ""),
            "target": metadata.get("target", ""),
            "accepted": "yes" if verdict == ACCEPT else "",
            "reason": read_reason(view),
        }
        accept_form(self._dispatcher, "review", body, arguments, metadata.get("product", ""))

    def _view(self, origin: Origin, record: str) -> View:
        try:
            return self._form(origin, self._notices.find(record))
        except PromotionError as error:
            return message_modal(_TITLE, f"*Not reviewed:* {escape(str(error), 2000)}")

    def _form(self, origin: Origin, shown: AnnouncedReview | None) -> View:
        if shown is None:
            return message_modal(_TITLE, "*Nothing to do:* this break-glass has no open review.")
        operator, products = self._identities.resolve(origin), self._catalog.products
        platform, record = products.named(shown.product), shown.review.record
        if not may_view(platform, operator):
            raise products.unusable(shown.product)
        path, asked = platform.engine.path, (record, _REASON_PENDING, True)
        request = parse_review_request(path, shown.environment, operator, trace_id(), *asked)
        plan = platform.engine.plan(request, NO_PROGRESS, GateMode.LIST)
        rendering = self._catalog.rendering(shown.product)
        if plan.error:
            text = escape(rendering.use_slash_commands(str(plan.error)), 2000)
            return message_modal(_TITLE, f"*Not reviewed:* {text}")
        verdicts: Block = {
            "type": "static_select",
            "action_id": "v",
            "options": [option(ACCEPT), option(OBJECT)],
            "initial_option": option(ACCEPT),
        }
        example = text_input("", "Agreed: checkout was down, and v1.2.3 fixed it", 500)
        blocks = [
            section("facts", join_lines(_facts(platform, shown, rendering), 2900)),
            labelled("verdict", "Verdict", verdicts),
            labelled("reason", "Note", example, "The note is announced and recorded."),
        ]
        metadata = {"channel": origin.channel, "thread": origin.thread or "", "record": record}
        place = {"product": shown.product, "target": shown.environment}
        return modal(REVIEW_FORM, _TITLE, "Review", blocks, {**metadata, **place})

    def _notify(self, body: Body, answer: Payload) -> None:
        self._dispatcher.notify(read_click_origin(body), answer)


def _facts(
    platform: Platform, shown: AnnouncedReview, rendering: RenderingContext
) -> Iterator[str]:
    """List the facts of the record and of its change, one per line."""
    review, (record, before) = shown.review, _find_record(platform, shown)
    moved = f"{code(before)} → {code(review.version)}" if before else code(review.version)
    yield f"*{escape(rendering.place(shown.environment), 150)}*: {moved}"
    when = f", {format_time(record.at)}" if record else ""
    yield f"*By* {rendering.mention(review.operator)}{when}"
    yield f"*Incident* {escape(review.incident, 100)}"
    glass = record.break_glass if record else None
    yield quote(glass.reason if glass else review.reason)
    if glass is not None:
        yield f"*Skipped* {escape(', '.join(glass.skipped) or 'nothing that stopped it')}"
        yield f"*Allowed by* {escape(glass.via)}"
    recent = platform.store.recent(_RECENT)
    change = next((each for each in recent if each.record_id == review.record), None)
    if change is not None and change.delta is not None:
        yield f"*Changes from {escape(change.delta.running.version, 80)}*"
        yield from (f"• {escape(line, 500)}" for line in describe(change.delta))
    yield f"*Due* {format_time(review.due)}"


def _find_record(
    platform: Platform, shown: AnnouncedReview
) -> tuple[PromotionRecord | RollbackRecord | None, str]:
    """
    The record of the break-glass and the version before it; None if it is not among the newest.
    """
    entries = platform.engine.history(shown.environment, _HISTORY_LIMIT)
    records = (entry.record for entry in entries)
    moves = [each for each in records if isinstance(each, PromotionRecord | RollbackRecord)]
    for place, record in enumerate(moves):
        if record.id == shown.review.record:
            before = moves[place + 1 : place + 2]
            return record, before[0].version if before else "nothing"
    return None, ""
