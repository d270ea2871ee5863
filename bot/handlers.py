"""Runs accepted actions, outside of listeners."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.blocks.change import change_title
from bot.blocks.elements import Payload, code, escape, format_duration, mention
from bot.blocks.ephemeral import note, refusal, suggest_command
from bot.catalog import Catalog
from bot.expiry import accepted_at, refuse_if_expired
from bot.identity import SlackIdentities, SlackUnreachableError
from bot.inbox import MOST_TRIES, Action
from bot.message_store import MessageStore
from bot.recent_products import RecentProducts
from bot.thread_content import card_key
from engine.changes.decisions import Changes
from engine.domain.change import Change, ChangeState
from engine.domain.errors import (
    ChangeClosedError,
    ConflictError,
    EnvironmentLockedError,
    PromotionError,
)
from engine.domain.names import Names
from engine.domain.operator import Operator
from engine.domain.overrides import Overrides
from engine.domain.parsing import parse_promotion_request, parse_rollback_request
from engine.domain.plan import Effect, GateMode
from engine.domain.request import ChangeRequest, RollbackRequest, WaiveRequest
from engine.domain.scheduled_time import parse_scheduled_time
from engine.domain.text import reason_text
from engine.domain.waiver_parsing import parse_waive_request
from engine.ports import NO_PROGRESS

_log = logging.getLogger(__name__)
_INTERFACE = "slack"
_HEADLINES: Mapping[str, str] = {
    "promote": "Not started",
    "rollback": "Not started",
    "approve": "Not approved",
    "reject": "Not rejected",
    "cancel": "Not cancelled",
    "reschedule": "Not rescheduled",
    "lock": "Not locked",
    "unlock": "Not unlocked",
    "promotions": "Not shown",
    "overview": "Not shown",
    "lock_all": "Not locked",
    "unlock_all": "Not unlocked",
    "review": "Not reviewed",
    "waive": "Not waived",
    "unwaive": "Not ended",
    "waivers": "Not shown",
}
Kind = Callable[[Action], Payload | None]


class ActionHandlers:
    """One method per action; None means that a message in the channel answers it."""

    def __init__(
        self,
        catalog: Catalog,
        identities: SlackIdentities,
        messages: MessageStore,
        recent: RecentProducts,
        wake_follower: Callable[[], None],
        others: Mapping[str, Kind],
    ) -> None:
        """`others` are the actions that are no changes, by kind."""
        self._catalog = catalog
        self._identities = identities
        self._messages = messages
        self._recent = recent
        self._wake_follower = wake_follower
        self._kinds: Mapping[str, Kind] = {
            "promote": self._promote,
            "rollback": self._rollback,
            "waive": self._waive,
            "approve": self._approve,
            "reject": self._reject,
            "cancel": self._cancel,
            "reschedule": self._reschedule,
            **others,
        }

    def handle(self, action: Action) -> Payload | None:
        """
        Run `action` and return its answer, or a refusal.

        Raises unexpected errors, and SlackUnreachableError if it should be tried again.
        """
        now, commands = self._catalog.now(), self._catalog.commands
        refused = refuse_if_expired(action, _HEADLINES[action.kind], now, commands)
        if refused is not None:
            return refused
        try:
            self._recent.add(action.origin, action.product)
            return self._kinds[action.kind](action)
        except PromotionError as error:
            if isinstance(error, SlackUnreachableError) and action.tries < MOST_TRIES:
                raise
            trace = action.trace_id
            _log.info("%s by %s: %s (trace %s)", action.kind, action.origin.user, error, trace)
            why = self._catalog.use_slash_commands(str(error), action.product)
            return refusal(_HEADLINES[action.kind], why, self._hint(action), trace)

    def _promote(self, action: Action) -> Payload | None:
        operator = self._identities.resolve(action.origin)
        request = parse_promotion_request(
            self._catalog.of(action).engine.path,
            action.argument("version"),
            action.argument("source") or None,
            action.argument("target"),
            operator,
            action.trace_id,
            Overrides(
                action.argument("allow_older") != "",
                action.argument("override_rollback") != "",
                action.argument("reason"),
                action.argument("incident"),
            ),
        )
        if at := action.argument("at"):
            request = replace(request, scheduled_at=parse_scheduled_time(at, self._catalog.now()))
        return self._submit(action, request)

    def _rollback(self, action: Action) -> Payload | None:
        operator = self._identities.resolve(action.origin)
        request = parse_rollback_request(
            self._catalog.of(action).engine.path,
            action.argument("version"),
            action.argument("target"),
            operator,
            action.trace_id,
            action.argument("reason"),
            action.argument("incident"),
        )
        return self._submit(action, request)

    def _waive(self, action: Action) -> Payload | None:
        operator = self._identities.resolve(action.origin)
        request = parse_waive_request(
            self._catalog.of(action).engine.path,
            action.argument("target"),
            operator,
            action.trace_id,
            action.argument("vulnerability"),
            action.argument("package") or None,
            action.argument("until"),
            action.argument("reason"),
        )
        return self._submit(action, request)

    def _submit(self, action: Action, request: ChangeRequest) -> Payload | None:
        platform = self._catalog.of(action)
        rendering = self._catalog.rendering(action.product)
        request = replace(request, asked_at=accepted_at(action))
        plan = platform.engine.plan(request, NO_PROGRESS, GateMode.LIST)
        seen = action.argument("running") if isinstance(request, RollbackRequest) else ""
        if seen and (moved := plan.moved_since(seen)):
            raise ConflictError(f"{moved}. Send the command again")
        if plan.effect is Effect.NOTHING and not plan.error:
            place = rendering.place(request.target)
            if isinstance(request, WaiveRequest):
                shown = escape(request.terms.shown, 500)
                return note(f"*Nothing to do:* {shown} is already waived in {place}.")
            version = code(str(request.version))
            return note(f"*Nothing to do:* {version} is already running in {place}.")
        blockers = [f.reason for f in plan.policy if f.blocks]
        context = {"slack_channel": action.origin.channel, "quiet": bool(blockers)}
        change = platform.changes.submit(request, _INTERFACE, action.key, context)
        self._catalog.products.worker.wake()
        self._wake_follower()
        if blockers:
            # The refusal of a lock ends with the command that unlocks.
            locked = any(f.error is EnvironmentLockedError for f in plan.blockers)
            hint = "" if locked else self._hint(action)
            why = rendering.use_slash_commands("; ".join(blockers))
            return refusal(_HEADLINES[action.kind], why, hint, change.trace_id)
        return None if change.trace_id == action.trace_id else self._already_in_progress(change)

    def _already_in_progress(self, change: Change) -> Payload:
        by = mention(change.requester.name, change.requester.id)
        place = self._messages.location(card_key(change.id))
        where = f" Follow it in <#{place[0]}>." if place else ""
        return note(
            f"*Nothing new was started:* {escape(change_title(change))} is already in progress as "
            f"{change.id}, requested by {by}.{where}"
        )

    def _approve(self, action: Action) -> Payload | None:
        return self._decide(
            action,
            lambda changes, operator, change: changes.approve(change, operator, _INTERFACE),
        )

    def _reject(self, action: Action) -> Payload | None:
        reason = reason_text(action.argument("reason"))
        return self._decide(
            action,
            lambda changes, operator, change: changes.reject(change, operator, reason, _INTERFACE),
        )

    def _cancel(self, action: Action) -> Payload | None:
        return self._decide(
            action,
            lambda changes, operator, change: changes.cancel(change, operator, _INTERFACE),
        )

    def _reschedule(self, action: Action) -> Payload | None:
        at = parse_scheduled_time(action.argument("at"), self._catalog.now())
        return self._decide(
            action,
            lambda changes, operator, change: changes.schedule.reschedule(
                change, operator, at, _INTERFACE
            ),
        )

    def _decide(
        self, action: Action, decide: Callable[[Changes, Operator, str], Change]
    ) -> Payload | None:
        operator = self._identities.resolve(action.origin)
        change_id = action.argument("change")
        product = self._catalog.products.of(self._catalog.change(change_id))
        self._recent.add(action.origin, product.product)
        try:
            decide(product.changes, operator, change_id)
        except ChangeClosedError as error:
            change = product.changes.get(change_id)
            if action.tries > 1 and operator.name in _deciders(change):
                # The decision was stored before floe stopped, and the message shows it.
                return None
            why = self._describe_decision(change, str(error))
            return refusal(_HEADLINES[action.kind], why, "Your click changed nothing.")
        finally:
            self._catalog.products.worker.wake()
            self._wake_follower()
        return None

    def _describe_decision(self, change: Change, otherwise: str) -> str:
        age = self._catalog.now() - change.updated_at
        ago = f"{format_duration(age.total_seconds())} ago"
        approvers = ", ".join(given.by for given in change.approvals)
        match change.state:
            case ChangeState.SCHEDULED | ChangeState.EXECUTING | ChangeState.PROMOTED:
                by = f"{approvers} approved it" if approvers else "it is in progress"
                return f"{change.id} is already decided: {by}, {ago}"
            case ChangeState.AWAITING_APPROVAL | ChangeState.CHECKING:
                return otherwise
            case state:
                reason = change.ended.message if change.ended else state.value
                return f"{change.id} is {state.value} ({ago}): {reason}"

    def _status_command(self, action: Action) -> str:
        return f"{self._catalog.commands.promotions} {action.product}".rstrip()

    def _hint(self, action: Action) -> str:
        match action.kind:
            case "approve" | "reject" | "cancel" | "reschedule" | "review" | "unwaive":
                return "Nothing was changed."
            case "promote" | "rollback" | "waive":
                return f"See the environments: `{self._status_command(action)}`"
            case "lock":
                return suggest_command(
                    f"{self._status_command(action)} {action.argument('target')}"
                )
            case "unlock":
                return "Its locker and people authorized for the environment can unlock it."
            case _:
                return "Try again in a moment."


def _deciders(change: Change) -> Names:
    ended = [change.ended.by] if change.ended and change.ended.by else []
    return Names([*(given.operator for given in change.approvals), *ended])
