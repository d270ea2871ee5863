"""Opens modals with the values that are already known."""

from pydantic import JsonValue

from bot.blocks.elements import View, code, escape
from bot.blocks.ephemeral import NOT_STARTED
from bot.blocks.home import loading_modal
from bot.blocks.rendering_context import RenderingContext
from bot.identity import SlackIdentities
from bot.inbox import Origin
from bot.modal_opener import ModalOpener, Trigger
from bot.modals import (
    RollbackPreview,
    lock_form,
    message_modal,
    promote_form,
    reject_form,
    rollback_form,
    unlock_form,
)
from bot.parse import Lock, PromoteForm, Rollback, Unlock
from engine.domain.errors import PromotionError, VersionNotPromotedError
from engine.domain.operator import Operator
from engine.domain.parsing import parse_rollback_request
from engine.domain.plan import Effect, GateMode
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.trace import trace_id
from engine.platform import Platform
from engine.ports import NO_PROGRESS

_HISTORY_LIMIT = 50
_REASON_PENDING = "not entered yet"


class Forms:
    def __init__(
        self,
        platform: Platform,
        identities: SlackIdentities,
        opener: ModalOpener,
        rendering: RenderingContext,
    ) -> None:
        self._platform = platform
        self._identities = identities
        self._opener = opener
        self._rendering = rendering

    def open_promote(self, trigger: Trigger, prefilled: PromoteForm) -> None:
        metadata = _origin_metadata(trigger.origin)
        self._opener.open(
            trigger, promote_form(self._rendering, metadata, prefilled.version, prefilled.target)
        )

    def open_lock(self, trigger: Trigger, prefilled: Lock) -> None:
        metadata = _origin_metadata(trigger.origin) | {"target": prefilled.target}
        self._opener.open(
            trigger,
            lock_form(self._rendering, metadata, prefilled.target, prefilled.duration or ""),
        )

    def open_unlock(self, trigger: Trigger, prefilled: Unlock) -> None:
        metadata = _origin_metadata(trigger.origin) | {"target": prefilled.target}
        self._opener.open(trigger, unlock_form(prefilled.target, metadata))

    def open_reject(self, trigger: Trigger, change_id: str) -> None:
        """Open the rejection form; UsageError if the change does not exist."""
        change = self._platform.changes.get(change_id)
        metadata = _origin_metadata(trigger.origin) | {"change": change.id}
        self._opener.open(trigger, reject_form(change, metadata))

    def open_rollback(self, trigger: Trigger, command: Rollback) -> None:
        """Open a modal at once, and analyse the impact while it says that it is loading."""
        title = f"Roll back {command.target}"
        self._opener.open(
            trigger, loading_modal(title), lambda: self._impact_view(trigger.origin, command)
        )

    def _impact_view(self, origin: Origin, command: Rollback) -> View:
        title = f"Roll back {command.target}"
        try:
            return self._preview(self._identities.resolve(origin), origin, command)
        except PromotionError as error:
            return message_modal(title, f"*{NOT_STARTED}:* {escape(str(error), 2000)}")

    def _preview(self, operator: Operator, origin: Origin, command: Rollback) -> View:
        path = self._platform.engine.path
        version = command.version or self._version_before(command.target)
        request = parse_rollback_request(
            path, version, command.target, operator, trace_id(), command.reason or _REASON_PENDING
        )
        plan = self._platform.engine.plan(request, NO_PROGRESS, GateMode.LIST)
        blockers = [finding.reason for finding in plan.policy if finding.blocks]
        if blockers:
            text = escape(self._rendering.use_slash_commands("; ".join(blockers)), 2000)
            return message_modal(f"Roll back {command.target}", f"*{NOT_STARTED}:* {text}")
        if plan.effect is Effect.NOTHING:
            runs = f"{code(version)} is already running in {command.target}."
            return message_modal(f"Roll back {command.target}", f"*Nothing to do:* {runs}")
        running = plan.previous
        metadata = _origin_metadata(origin) | {
            "version": str(request.version),
            "target": command.target,
            "running": running.digest if running else "",
        }
        impact = RollbackPreview(
            str(request.version),
            command.target,
            running.version if running else None,
            plan.impact,
            plan.approvals_required,
        )
        return rollback_form(impact, metadata, command.reason)

    def _version_before(self, target: str) -> str:
        """The promoted version before the running one, never one just rolled back from."""
        moves = [
            entry.record
            for entry in self._platform.engine.history(target, _HISTORY_LIMIT)
            if isinstance(entry.record, PromotionRecord | RollbackRecord)
        ]
        promoted = [each.version for each in moves if isinstance(each, PromotionRecord)]
        running = moves[0].version if moves else None
        older = promoted[promoted.index(running) :] if running in promoted else []
        before = next((version for version in older if version != running), None)
        if before is None:
            raise VersionNotPromotedError(f"'{target}' has no earlier version to roll back to")
        return before


def _origin_metadata(origin: Origin) -> dict[str, JsonValue]:
    return {"channel": origin.channel, "thread": origin.thread or ""}
