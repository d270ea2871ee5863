"""Runs accepted actions, outside of listeners."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.blocks.change import change_title
from bot.blocks.elements import Payload, code, escape, format_duration, mention
from bot.blocks.ephemeral import note, refusal, suggest_command
from bot.blocks.rendering_context import RenderingContext
from bot.blocks.status import render_status
from bot.expiry import accepted_at, refuse_if_expired
from bot.identity import SlackIdentities
from bot.inbox import Action
from bot.lock_banners import LockBanners, Place
from bot.message_store import MessageStore
from bot.thread_content import card_key
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
from engine.domain.parsing import (
    parse_lock_request,
    parse_promotion_request,
    parse_rollback_request,
    parse_unlock_request,
)
from engine.domain.plan import Effect, GateMode
from engine.domain.request import PromotionRequest, RollbackRequest
from engine.domain.result import Ending, Result
from engine.domain.text import reason_text
from engine.platform import Platform
from engine.ports import NO_PROGRESS

_log = logging.getLogger(__name__)
_INTERFACE = "slack"
_HEADLINES: Mapping[str, str] = {
    "promote": "Not started",
    "rollback": "Not started",
    "approve": "Not approved",
    "reject": "Not rejected",
    "lock": "Not locked",
    "unlock": "Not unlocked",
    "promotions": "Not shown",
}


class ActionHandlers:
    """One method per action; None means that a message in the channel answers it."""

    def __init__(
        self,
        platform: Platform,
        identities: SlackIdentities,
        banners: LockBanners,
        messages: MessageStore,
        rendering: RenderingContext,
        wake_follower: Callable[[], None],
    ) -> None:
        self._platform = platform
        self._identities = identities
        self._banners = banners
        self._messages = messages
        self._rendering = rendering
        self._wake_follower = wake_follower
        self._kinds: Mapping[str, Callable[[Action], Payload | None]] = {
            "promote": self._promote,
            "rollback": self._rollback,
            "approve": self._approve,
            "reject": self._reject,
            "lock": self._lock,
            "unlock": self._unlock,
            "promotions": self._promotions,
        }

    def handle(self, action: Action) -> Payload | None:
        """Run `action` and return its answer, or a refusal; only unexpected errors are raised."""
        now = self._platform.engine.now()
        refused = refuse_if_expired(action, _HEADLINES[action.kind], now, self._rendering)
        if refused is not None:
            return refused
        try:
            return self._kinds[action.kind](action)
        except PromotionError as error:
            trace = action.trace_id
            _log.info("%s by %s: %s (trace %s)", action.kind, action.origin.user, error, trace)
            why = self._rendering.use_slash_commands(str(error))
            return refusal(_HEADLINES[action.kind], why, self._hint(action), trace)

    def _promote(self, action: Action) -> Payload | None:
        operator = self._identities.resolve(action.origin)
        request = parse_promotion_request(
            self._platform.engine.path,
            action.argument("version"),
            action.argument("source") or None,
            action.argument("target"),
            operator,
            action.trace_id,
            Overrides(
                action.argument("allow_older") != "",
                action.argument("override_rollback") != "",
                action.argument("reason"),
            ),
        )
        return self._submit(action, request)

    def _rollback(self, action: Action) -> Payload | None:
        operator = self._identities.resolve(action.origin)
        request = parse_rollback_request(
            self._platform.engine.path,
            action.argument("version"),
            action.argument("target"),
            operator,
            action.trace_id,
            action.argument("reason"),
        )
        return self._submit(action, request)

    def _submit(
        self, action: Action, request: PromotionRequest | RollbackRequest
    ) -> Payload | None:
        engine = self._platform.engine
        request = replace(request, asked_at=accepted_at(action))
        plan = engine.plan(request, NO_PROGRESS, GateMode.LIST)
        running = plan.previous.digest if plan.previous else ""
        if isinstance(request, RollbackRequest) and action.argument("running") not in ("", running):
            version = plan.previous.version if plan.previous else "nothing"
            raise ConflictError(
                f"'{request.target}' now runs {version}, so the impact you saw is out of date. "
                "Send the command again"
            )
        if plan.effect is Effect.NOTHING and not plan.error:
            runs = f"{code(str(request.version))} is already running in {request.target}."
            return note(f"*Nothing to do:* {runs}")
        blockers = [f.reason for f in plan.policy if f.blocks]
        context = {"slack_channel": action.origin.channel, "quiet": bool(blockers)}
        change = self._platform.changes.submit(request, _INTERFACE, action.key, context)
        self._platform.worker.wake()
        self._wake_follower()
        if blockers:
            locked = any(f.error is EnvironmentLockedError for f in plan.blockers)
            unlock = f"{self._rendering.commands.unlock} {request.target} incident is over"
            hint = f"To unlock it, if you may: {code(unlock)}" if locked else self._hint(action)
            why = self._rendering.use_slash_commands("; ".join(blockers))
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
            lambda operator, change: self._platform.changes.approve(change, operator, _INTERFACE),
        )

    def _reject(self, action: Action) -> Payload | None:
        reason = reason_text(action.argument("reason"))
        return self._decide(
            action,
            lambda operator, change: self._platform.changes.reject(
                change, operator, reason, _INTERFACE
            ),
        )

    def _decide(self, action: Action, decide: Callable[[Operator, str], Change]) -> Payload | None:
        operator = self._identities.resolve(action.origin)
        change_id = action.argument("change")
        try:
            decide(operator, change_id)
        except ChangeClosedError as error:
            change = self._platform.changes.get(change_id)
            if action.tries > 1 and operator.name in _deciders(change):
                # The decision was stored before floe stopped, and the message shows it.
                return None
            why = self._describe_decision(change, str(error))
            return refusal(_HEADLINES[action.kind], why, "Your click changed nothing.")
        finally:
            self._platform.worker.wake()
            self._wake_follower()
        return None

    def _describe_decision(self, change: Change, otherwise: str) -> str:
        age = self._platform.engine.now() - change.updated_at
        ago = f"{format_duration(age.total_seconds())} ago"
        approvers = ", ".join(given.operator for given in change.approvals)
        match change.state:
            case ChangeState.EXECUTING | ChangeState.PROMOTED:
                by = f"{approvers} approved it" if approvers else "it is in progress"
                return f"{change.id} is already decided: {by}, {ago}"
            case ChangeState.AWAITING_APPROVAL | ChangeState.CHECKING:
                return otherwise
            case state:
                reason = change.ended.message if change.ended else state.value
                return f"{change.id} is {state.value} ({ago}): {reason}"

    def _lock(self, action: Action) -> Payload | None:
        operator = self._identities.resolve(action.origin)
        request = parse_lock_request(
            self._platform.engine.path,
            action.argument("target"),
            operator,
            action.trace_id,
            action.argument("reason"),
            action.argument("duration") or None,
        )
        result = self._platform.engine.run(request, NO_PROGRESS)
        if result.error and not self._is_own_lock(action, operator, request.reason):
            self._raise_refusal(result)
        origin = action.origin
        place = Place(origin.channel, origin.thread) if origin.channel else None
        self._banners.refresh(request.target, place)
        if self._rendering.channel or place:
            return None
        return note(f"*{request.target} is locked.*{_anchor_of(result)}")

    def _is_own_lock(self, action: Action, operator: Operator, reason: str) -> bool:
        """Whether an earlier try of this action took the lock, before floe stopped."""
        if action.tries <= 1:
            return False
        [row] = self._platform.engine.status(action.argument("target"))
        held = row.lock
        if held is None or held.reason != reason:
            return False
        return held.operator in operator.identities

    def _unlock(self, action: Action) -> Payload | None:
        operator = self._identities.resolve(action.origin)
        target = action.argument("target")
        request = parse_unlock_request(
            self._platform.engine.path, target, operator, action.trace_id, action.argument("reason")
        )
        result: Result = self._platform.engine.run(request, NO_PROGRESS)
        self._raise_refusal(result)
        self._banners.refresh()
        if result.outcome is Ending.UNCHANGED and action.tries <= 1:
            return note(f"*Nothing to do:* {target} is not locked.")
        return note(f"*{target} is unlocked.* Waiting changes can continue.{_anchor_of(result)}")

    def _raise_refusal(self, result: Result) -> None:
        """Raise the error of `result` at once; the refusal is recorded in the background."""
        if result.error:
            self._platform.engine.submit(self._platform.refused, result.plan)
            raise result.error

    def _promotions(self, action: Action) -> Payload | None:
        self._identities.resolve(action.origin)
        target = action.argument("target")
        engine = self._platform.engine
        rows = engine.status(target or None)
        changes = self._platform.store.open(target or None)
        return render_status(rows, changes, engine.now(), self._rendering)

    def _hint(self, action: Action) -> str:
        commands = self._rendering.commands
        match action.kind:
            case "approve" | "reject":
                return "Nothing was changed."
            case "promote" | "rollback":
                return f"See the environments: `{commands.promotions}`"
            case "lock":
                return suggest_command(f"{commands.promotions} {action.argument('target')}")
            case "unlock":
                return "Its locker and people authorized for the environment can unlock it."
            case _:
                return "Try again in a moment."


def _deciders(change: Change) -> Names:
    ended = [change.ended.by] if change.ended and change.ended.by else []
    return Names([*(given.operator for given in change.approvals), *ended])


def _anchor_of(result: Result) -> str:
    return f"\nAnchor: `{result.entry.anchor}`" if result.entry else ""
