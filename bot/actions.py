"""What people press and fill in: buttons, modals, the message shortcut, their App Home."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from slack_bolt import App

from bot.app_home import Homes
from bot.blocks.elements import Payload
from bot.blocks.lock import UNLOCK
from bot.blocks.rendering_context import Look
from bot.blocks.thread import APPROVE, REJECT
from bot.dispatcher import Desk
from bot.forms import Forms
from bot.identity import People
from bot.inbox import Asked, Asker, key_of
from bot.listeners import BadFormError, clicks, submissions
from bot.modals import (
    LOCK_FORM,
    PROMOTE_FORM,
    REJECT_FORM,
    ROLLBACK_FORM,
    UNLOCK_FORM,
    carried_by,
    filled,
)
from bot.options import NotUnderstoodError
from bot.parse import Lock, Unlock, parse_promote
from bot.parse import Promote as Promotion
from bot.payloads import (
    Body,
    action_value,
    click_asker,
    event_asker,
    text_of,
    trigger_of,
    view_asker,
)
from bot.slack_text import word
from engine.domain.errors import UsageError
from engine.domain.parsing import parse_lock_duration
from engine.domain.text import reason_text
from engine.domain.trace import trace_id

SHORTCUT = "lock_from_message"
_GROUPS_CHANGED = ("subteam_updated", "subteam_members_changed", "user_change")


class Actions:
    def __init__(self, desk: Desk, forms: Forms, homes: Homes, people: People, look: Look) -> None:
        self._desk = desk
        self._forms = forms
        self._homes = homes
        self._people = people
        self._look = look

    def listen(self, app: App) -> None:
        app.action(APPROVE)(clicks("Not approved", self.approve, self._tell))
        app.action(REJECT)(clicks("Not opened", self.reject, self._tell))
        app.action(UNLOCK)(clicks("Not opened", self.unlock, self._tell))
        # Links, and elements of messages of other versions: acknowledged, nothing more.
        app.action(re.compile(".*"))(clicks("Not done", _nothing, self._tell))
        app.shortcut(SHORTCUT)(clicks("Not opened", self.lock_from_message, self._tell))
        forms: Mapping[str, tuple[str, Callable[[Body], None]]] = {
            PROMOTE_FORM: ("version", self.promote_form),
            ROLLBACK_FORM: ("reason", self.rollback_form),
            LOCK_FORM: ("reason", self.lock_form),
            UNLOCK_FORM: ("reason", self.unlock_form),
            REJECT_FORM: ("reason", self.reject_form),
        }
        for callback_id, (first, listen) in forms.items():
            app.view(callback_id)(submissions("Not done", first, listen))
        app.event("app_home_opened")(clicks("Not shown", self.home, self._silent))
        for name in _GROUPS_CHANGED:
            app.event(name)(clicks("Not heard", self.groups_changed, self._silent))
        # Whatever else is subscribed to: unacknowledged, Slack would send it again and again.
        app.event(re.compile(".*"))(clicks("Not heard", _nothing, self._silent))

    def approve(self, body: Body) -> None:
        words = {"change": action_value(body)}
        self._accept("approve", click_asker(body), words, text_of(body, "trigger_id"))

    def reject(self, body: Body) -> None:
        asker = click_asker(body)
        self._forms.reject(trigger_of(body, asker), action_value(body))

    def unlock(self, body: Body) -> None:
        asker, target = click_asker(body), action_value(body)
        self._look.path.environment(target)
        self._forms.unlock(trigger_of(body, asker), Unlock(target))

    def lock_from_message(self, body: Body) -> None:
        asker = click_asker(body)
        self._forms.lock(trigger_of(body, asker), Lock(self._look.last))

    def promote_form(self, body: Body) -> None:
        view, carried = _view(body)
        version, target = word(filled(view, "version")), filled(view, "target") or self._look.last
        try:
            asked = parse_promote(f"{version} {target}", self._look.path, "")
        except NotUnderstoodError as error:
            raise BadFormError({"version": str(error)}) from error
        # The environment is the one that was chosen; the field for the version has no options.
        if not isinstance(asked, Promotion) or asked.target != target or asked.overrides:
            raise BadFormError({"version": "Which version? Like v1.2.3"})
        words = {"version": asked.version, "source": asked.source or "", "target": asked.target}
        self._submit("promote", body, carried, words)

    def rollback_form(self, body: Body) -> None:
        view, carried = _view(body)
        words = {name: carried.get(name, "") for name in ("version", "target", "running")}
        self._submit("rollback", body, carried, words | {"reason": _reason(view)})

    def lock_form(self, body: Body) -> None:
        view, carried = _view(body)
        seconds = word(filled(view, "duration"))
        if seconds:
            try:
                parse_lock_duration(seconds)
            except UsageError as error:
                raise BadFormError({"duration": str(error)}) from error
        target = filled(view, "target") or carried.get("target") or self._look.last
        words = {"target": target, "duration": seconds, "reason": _reason(view)}
        self._submit("lock", body, carried, words)

    def unlock_form(self, body: Body) -> None:
        view, carried = _view(body)
        words = {"target": carried.get("target", ""), "reason": _reason(view)}
        self._submit("unlock", body, carried, words)

    def reject_form(self, body: Body) -> None:
        view, carried = _view(body)
        words = {"change": carried.get("change", ""), "reason": _reason(view)}
        self._submit("reject", body, carried, words)

    def home(self, body: Body) -> None:
        event = body.get("event") or {}
        if event.get("tab", "home") == "home":
            self._homes.opened(event_asker(body))

    def groups_changed(self, _body: Body) -> None:
        self._people.forget_groups()

    def _submit(
        self, kind: str, body: Body, carried: Mapping[str, str], words: dict[str, str]
    ) -> None:
        view, _ = _view(body)
        delivery = "\0".join((str(view.get("id")), str(view.get("hash"))))
        self._accept(kind, view_asker(body, carried), words, delivery)

    def _accept(self, kind: str, asker: Asker, words: dict[str, str], delivery: str) -> None:
        if not delivery:
            raise UsageError("Slack sent it without an id, so it could happen twice: do it again")
        self._desk.accept(Asked(key_of(kind, delivery), kind, asker, trace_id(), {**words}))

    def _tell(self, body: Body, answer: Payload) -> None:
        self._desk.tell(click_asker(body), answer)

    def _silent(self, _body: Body, _answer: Payload) -> None:
        """Nobody asked for anything."""


def _nothing(_body: Body) -> None:
    return None


def _view(body: Body) -> tuple[Mapping[str, Any], dict[str, str]]:
    view = body.get("view")
    if not isinstance(view, dict):
        raise UsageError("Slack sent no form, so nothing was done")
    return view, carried_by(view)


def _reason(view: Mapping[str, Any]) -> str:
    try:
        return reason_text(filled(view, "reason"))
    except UsageError as error:
        raise BadFormError({"reason": str(error)}) from error
