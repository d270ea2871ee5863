"""Which modal is opened, with what in it."""

from pydantic import JsonValue

from bot.blocks.elements import View, code, foreign
from bot.blocks.ephemeral import NOT_STARTED
from bot.blocks.home import loading
from bot.blocks.rendering_context import Look
from bot.identity import People
from bot.inbox import Asker
from bot.modal_opener import Opener, Trigger
from bot.modals import (
    Impact,
    lock_form,
    promote_form,
    reject_form,
    rollback_form,
    said_modal,
    unlock_form,
)
from bot.parse import Lock, PromoteForm, Rollback, Unlock
from engine.api import Platform
from engine.domain.errors import PromotionError, VersionNotPromotedError
from engine.domain.operator import Operator
from engine.domain.parsing import parse_rollback_request
from engine.domain.plan import Effect, GateMode
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.trace import trace_id
from engine.ports import SILENT

_LOOK_BACK = 50
_UNSAID = "not said yet"


class Forms:
    def __init__(self, platform: Platform, people: People, opener: Opener, look: Look) -> None:
        self._platform = platform
        self._people = people
        self._opener = opener
        self._look = look

    def promote(self, trigger: Trigger, begun: PromoteForm) -> None:
        carried = _place(trigger.asker)
        self._opener.open(trigger, promote_form(self._look, carried, begun.version, begun.target))

    def lock(self, trigger: Trigger, begun: Lock) -> None:
        carried = _place(trigger.asker) | {"target": begun.target}
        self._opener.open(
            trigger, lock_form(self._look, carried, begun.target, begun.duration or "")
        )

    def unlock(self, trigger: Trigger, begun: Unlock) -> None:
        carried = _place(trigger.asker) | {"target": begun.target}
        self._opener.open(trigger, unlock_form(begun.target, carried))

    def reject(self, trigger: Trigger, change_id: str) -> None:
        """UsageError when there is no such change."""
        change = self._platform.changes.get(change_id)
        carried = _place(trigger.asker) | {"change": change.id}
        self._opener.open(trigger, reject_form(change, carried))

    def rollback(self, trigger: Trigger, asked: Rollback) -> None:
        """What it would undo is read while the modal is open."""
        title = f"Roll back {asked.target}"
        self._opener.open(trigger, loading(title), lambda: self._impact(trigger.asker, asked))

    def _impact(self, asker: Asker, asked: Rollback) -> View:
        title = f"Roll back {asked.target}"
        try:
            return self._with_impact(self._people.operator(asker), asker, asked)
        except PromotionError as error:
            return said_modal(title, f"*{NOT_STARTED}:* {foreign(str(error), 2000)}")

    def _with_impact(self, operator: Operator, asker: Asker, asked: Rollback) -> View:
        path = self._platform.engine.path
        version = asked.version or self._version_before(asked.target)
        request = parse_rollback_request(
            path, version, asked.target, operator, trace_id(), asked.reason or _UNSAID
        )
        plan = self._platform.engine.plan(request, SILENT, GateMode.LIST)
        blockers = [finding.reason for finding in plan.policy if finding.blocks]
        if blockers:
            said = foreign(self._look.in_slack("; ".join(blockers)), 2000)
            return said_modal(f"Roll back {asked.target}", f"*{NOT_STARTED}:* {said}")
        if plan.effect is Effect.NOTHING:
            runs = f"{code(version)} is what {asked.target} runs already."
            return said_modal(f"Roll back {asked.target}", f"*Nothing to do:* {runs}")
        running = plan.previous
        carried = _place(asker) | {
            "version": str(request.version),
            "target": asked.target,
            "running": running.digest if running else "",
        }
        impact = Impact(
            str(request.version),
            asked.target,
            running.version if running else None,
            plan.impact,
            plan.approvals_required,
        )
        return rollback_form(impact, carried, asked.reason)

    def _version_before(self, target: str) -> str:
        """
        The version promoted there before the one that runs; never the one a rollback just left.
        """
        moves = [
            entry.record
            for entry in self._platform.engine.history(target, _LOOK_BACK)
            if isinstance(entry.record, PromotionRecord | RollbackRecord)
        ]
        promoted = [each.version for each in moves if isinstance(each, PromotionRecord)]
        running = moves[0].version if moves else None
        older = promoted[promoted.index(running) :] if running in promoted else []
        before = next((version for version in older if version != running), None)
        if before is None:
            raise VersionNotPromotedError(
                f"There is no version before the one '{target}' runs: nothing to go back to"
            )
        return before


def _place(asker: Asker) -> dict[str, JsonValue]:
    return {"channel": asker.channel, "thread": asker.thread or ""}
