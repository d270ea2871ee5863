"""What was accepted is carried out here, outside of any listener, and whoever asked is told."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from bot.blocks.change import title
from bot.blocks.elements import Payload, code, duration, foreign, who
from bot.blocks.ephemeral import note, refusal, try_instead
from bot.blocks.rendering_context import Look
from bot.blocks.status import promotions
from bot.expiry import asked_at, too_old
from bot.identity import People
from bot.inbox import Asked
from bot.lock_banners import Banners, Place
from bot.message_store import Messages
from bot.thread_content import root_key
from engine.api import Platform
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
from engine.ports import SILENT

_log = logging.getLogger(__name__)
FACE = "slack"
NOT_DONE: Mapping[str, str] = {
    "promote": "Not started",
    "rollback": "Not started",
    "approve": "Not approved",
    "reject": "Not rejected",
    "lock": "Not locked",
    "unlock": "Not unlocked",
    "promotions": "Not shown",
}


class Decisions:
    """Every method answers the person who asked, or None where a message for all says enough."""

    def __init__(
        self,
        platform: Platform,
        people: People,
        banners: Banners,
        messages: Messages,
        look: Look,
        told: Callable[[], None],
    ) -> None:
        self._platform = platform
        self._people = people
        self._banners = banners
        self._messages = messages
        self._look = look
        self._told = told
        self._kinds: Mapping[str, Callable[[Asked], Payload | None]] = {
            "promote": self._promote,
            "rollback": self._rollback,
            "approve": self._approve,
            "reject": self._reject,
            "lock": self._lock,
            "unlock": self._unlock,
            "promotions": self._promotions,
        }

    def carry_out(self, asked: Asked) -> Payload | None:
        """A refusal is an answer too; only what nobody expected is raised."""
        now = self._platform.engine.clock.now()
        old = too_old(asked, NOT_DONE[asked.kind], now, self._look)
        if old is not None:
            return old
        try:
            return self._kinds[asked.kind](asked)
        except PromotionError as error:
            trace = asked.trace_id
            _log.info("%s by %s: %s (trace %s)", asked.kind, asked.asker.user, error, trace)
            return refusal(NOT_DONE[asked.kind], self._advice(error), self._next(asked), trace)

    def _advice(self, error: PromotionError) -> str:
        return self._look.in_slack(str(error))

    def _promote(self, asked: Asked) -> Payload | None:
        operator = self._people.operator(asked.asker)
        request = parse_promotion_request(
            self._platform.engine.path,
            asked.text("version"),
            asked.text("source") or None,
            asked.text("target"),
            operator,
            asked.trace_id,
            Overrides(
                asked.text("allow_older") != "",
                asked.text("override_rollback") != "",
                asked.text("reason"),
            ),
        )
        return self._submit(asked, request)

    def _rollback(self, asked: Asked) -> Payload | None:
        operator = self._people.operator(asked.asker)
        request = parse_rollback_request(
            self._platform.engine.path,
            asked.text("version"),
            asked.text("target"),
            operator,
            asked.trace_id,
            asked.text("reason"),
        )
        return self._submit(asked, request)

    def _submit(self, asked: Asked, request: PromotionRequest | RollbackRequest) -> Payload | None:
        engine = self._platform.engine
        request = replace(request, asked_at=asked_at(asked))
        plan = engine.plan(request, SILENT, GateMode.LIST)
        running = plan.previous.digest if plan.previous else ""
        if isinstance(request, RollbackRequest) and asked.text("running") not in ("", running):
            version = plan.previous.version if plan.previous else "nothing"
            raise ConflictError(
                f"'{request.target}' runs {version} by now, so what you saw of the impact is not "
                "so any more"
            )
        if plan.effect is Effect.NOTHING and not plan.error:
            runs = f"{code(str(request.version))} is what {request.target} runs already."
            return note(f"*Nothing to do:* {runs}")
        blockers = [f.reason for f in plan.policy if f.blocks]
        context = {"slack_channel": asked.asker.channel, "quiet": bool(blockers)}
        change = self._platform.changes.submit(request, FACE, asked.key, context)
        self._platform.worker.wake()
        self._told()
        if blockers:
            locked = any(f.error is EnvironmentLockedError for f in plan.blockers)
            unlock = f"{self._look.commands.unlock} {request.target} it is over"
            way_out = f"Whoever may: {code(unlock)}" if locked else self._next(asked)
            why = self._look.in_slack("; ".join(blockers))
            return refusal(NOT_DONE[asked.kind], why, way_out, change.trace_id)
        return None if change.trace_id == asked.trace_id else self._under_way(change)

    def _under_way(self, change: Change) -> Payload:
        by = who(change.requester.name, change.requester.id)
        place = self._messages.place(root_key(change.id))
        where = f" It stands in <#{place[0]}>." if place else ""
        return note(
            f"*Nothing new was started:* {foreign(title(change))} is under way as {change.id}, "
            f"asked for by {by}.{where}"
        )

    def _approve(self, asked: Asked) -> Payload | None:
        return self._decide(
            asked, lambda operator, change: self._platform.changes.approve(change, operator, FACE)
        )

    def _reject(self, asked: Asked) -> Payload | None:
        reason = reason_text(asked.text("reason"))
        return self._decide(
            asked,
            lambda operator, change: self._platform.changes.reject(change, operator, reason, FACE),
        )

    def _decide(self, asked: Asked, decide: Callable[[Operator, str], Change]) -> Payload | None:
        operator = self._people.operator(asked.asker)
        change_id = asked.text("change")
        try:
            decide(operator, change_id)
        except ChangeClosedError as error:
            change = self._platform.changes.get(change_id)
            if asked.tries > 1 and operator.name in _deciders(change):
                # It was decided just before something ended us; the message says so.
                return None
            return refusal(
                NOT_DONE[asked.kind],
                self._decided(change, str(error)),
                "Your click changed nothing.",
            )
        finally:
            self._platform.worker.wake()
            self._told()
        return None

    def _decided(self, change: Change, otherwise: str) -> str:
        now = self._platform.engine.clock.now()
        ago = _ago(change.updated_at, now)
        agreed = ", ".join(given.operator for given in change.approvals)
        match change.state:
            case ChangeState.EXECUTING | ChangeState.PROMOTED:
                by = f"{agreed} approved it" if agreed else "it is under way"
                return f"{change.id} is decided already: {by}, {ago}"
            case ChangeState.AWAITING_APPROVAL | ChangeState.CHECKING:
                return otherwise
            case state:
                said = change.ended.message if change.ended else state.value
                return f"{change.id} is {state.value} ({ago}): {said}"

    def _lock(self, asked: Asked) -> Payload | None:
        operator = self._people.operator(asked.asker)
        request = parse_lock_request(
            self._platform.engine.path,
            asked.text("target"),
            operator,
            asked.trace_id,
            asked.text("reason"),
            asked.text("duration") or None,
        )
        result = self._platform.engine.run(request, SILENT)
        if result.error and not self._mine(asked, operator, request.reason):
            self._raise_refused(result)
        place = Place(asked.asker.channel, asked.asker.thread) if asked.asker.channel else None
        self._banners.refresh(request.target, place)
        if self._look.channel or place:
            return None
        return note(f"*{request.target} is locked.*")

    def _mine(self, asked: Asked, operator: Operator, reason: str) -> bool:
        """Whether the lock in the way is the one this very request took before we were ended."""
        if asked.tries <= 1:
            return False
        [row] = self._platform.engine.status(asked.text("target"))
        held = row.lock
        if held is None or held.reason != reason:
            return False
        return held.operator in operator.identities

    def _unlock(self, asked: Asked) -> Payload | None:
        operator = self._people.operator(asked.asker)
        target = asked.text("target")
        request = parse_unlock_request(
            self._platform.engine.path, target, operator, asked.trace_id, asked.text("reason")
        )
        result: Result = self._platform.engine.run(request, SILENT)
        self._raise_refused(result)
        self._banners.refresh()
        if result.outcome is Ending.UNCHANGED and asked.tries <= 1:
            return note(f"*Nothing to do:* {target} is not locked.")
        return note(f"*{target} is unlocked.* What waited can continue.")

    def _raise_refused(self, result: Result) -> None:
        """Whoever asked is told at once; what refused them goes on record meanwhile."""
        if result.error:
            self._platform.engine.pool.submit(self._platform.refused, result.plan)
            raise result.error

    def _promotions(self, asked: Asked) -> Payload | None:
        self._people.operator(asked.asker)
        target = asked.text("target")
        engine = self._platform.engine
        rows = engine.status(target or None)
        changes = self._platform.store.open(target or None)
        return promotions(rows, changes, engine.clock.now(), self._look)

    def _next(self, asked: Asked) -> str:
        commands = self._look.commands
        match asked.kind:
            case "approve" | "reject":
                return "Nothing was decided."
            case "promote" | "rollback":
                return f"See what runs where: `{commands.promotions}`"
            case "lock":
                return try_instead(f"{commands.promotions} {asked.text('target')}")
            case "unlock":
                return "Whoever locked it, or whom the environment authorizes, can unlock it."
            case _:
                return "Try again in a moment."


def _deciders(change: Change) -> Names:
    ended = [change.ended.by] if change.ended and change.ended.by else []
    return Names([*(given.operator for given in change.approvals), *ended])


def _ago(then: datetime, now: datetime) -> str:
    return f"{duration((now - then).total_seconds())} ago"
