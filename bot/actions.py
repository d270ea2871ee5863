"""Listeners for buttons, modals, the message shortcut and events."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from slack_bolt import App

from bot.app_home import AppHomes
from bot.blocks.elements import Payload
from bot.blocks.lock import UNLOCK
from bot.blocks.rendering_context import RenderingContext
from bot.blocks.thread import APPROVE, REJECT
from bot.dispatcher import Dispatcher
from bot.forms import Forms
from bot.identity import SlackIdentities
from bot.inbox import new_action
from bot.listeners import InvalidFormError, wrap_click, wrap_submission
from bot.modals import (
    LOCK_FORM,
    PROMOTE_FORM,
    REJECT_FORM,
    ROLLBACK_FORM,
    UNLOCK_FORM,
    read_input,
    read_metadata,
)
from bot.options import InvalidCommandError
from bot.parse import Lock, Unlock, parse_promote
from bot.parse import Promote as Promotion
from bot.payloads import (
    Body,
    read_action_value,
    read_click_origin,
    read_event_origin,
    read_text,
    read_trigger,
    read_view_origin,
)
from bot.slack_text import normalize
from engine.domain.errors import UsageError
from engine.domain.parsing import parse_lock_duration
from engine.domain.text import reason_text

LOCK_SHORTCUT = "lock_from_message"
_GROUPS_CHANGED = ("subteam_updated", "subteam_members_changed", "user_change")


class InteractionListeners:
    def __init__(
        self,
        dispatcher: Dispatcher,
        forms: Forms,
        homes: AppHomes,
        identities: SlackIdentities,
        rendering: RenderingContext,
    ) -> None:
        self._dispatcher = dispatcher
        self._forms = forms
        self._homes = homes
        self._identities = identities
        self._rendering = rendering

    def listen(self, app: App) -> None:
        app.action(APPROVE)(wrap_click("Not approved", self.approve, self._notify))
        app.action(REJECT)(wrap_click("Not opened", self.open_reject_form, self._notify))
        app.action(UNLOCK)(wrap_click("Not opened", self.open_unlock_form, self._notify))
        # Link buttons, and buttons of other floe versions, are only acknowledged.
        app.action(re.compile(".*"))(wrap_click("Not done", _ignore, self._notify))
        app.shortcut(LOCK_SHORTCUT)(wrap_click("Not opened", self.open_lock_form, self._notify))
        forms: Mapping[str, tuple[str, Callable[[Body], None]]] = {
            PROMOTE_FORM: ("version", self.submit_promotion),
            ROLLBACK_FORM: ("reason", self.submit_rollback),
            LOCK_FORM: ("reason", self.submit_lock),
            UNLOCK_FORM: ("reason", self.submit_unlock),
            REJECT_FORM: ("reason", self.submit_rejection),
        }
        for callback_id, (first, listen) in forms.items():
            app.view(callback_id)(wrap_submission("Not done", first, listen))
        app.event("app_home_opened")(wrap_click("Not shown", self.publish_home, _drop_answer))
        for name in _GROUPS_CHANGED:
            app.event(name)(wrap_click("Not handled", self.clear_groups, _drop_answer))
        # Slack would send other events again and again if they were not acknowledged.
        app.event(re.compile(".*"))(wrap_click("Not handled", _ignore, _drop_answer))

    def approve(self, body: Body) -> None:
        origin, arguments = read_click_origin(body), {"change": read_action_value(body)}
        delivery = read_text(body, "trigger_id")
        self._dispatcher.accept(new_action("approve", origin, arguments, delivery))

    def open_reject_form(self, body: Body) -> None:
        origin = read_click_origin(body)
        self._forms.open_reject(read_trigger(body, origin), read_action_value(body))

    def open_unlock_form(self, body: Body) -> None:
        origin, target = read_click_origin(body), read_action_value(body)
        self._rendering.path.environment(target)
        self._forms.open_unlock(read_trigger(body, origin), Unlock(target))

    def open_lock_form(self, body: Body) -> None:
        origin = read_click_origin(body)
        self._forms.open_lock(read_trigger(body, origin), Lock(self._rendering.last_environment))

    def submit_promotion(self, body: Body) -> None:
        view, metadata = _view(body)
        version = normalize(read_input(view, "version"))
        target = read_input(view, "target") or self._rendering.last_environment
        try:
            parsed = parse_promote(f"{version} {target}", self._rendering.path, "")
        except InvalidCommandError as error:
            raise InvalidFormError({"version": str(error)}) from error
        # The version field takes no options, and the environment comes from its own input.
        if not isinstance(parsed, Promotion) or parsed.target != target or parsed.overrides:
            raise InvalidFormError({"version": "Enter one version, for example v1.2.3"})
        source = parsed.source or ""
        arguments = {"version": parsed.version, "source": source, "target": parsed.target}
        self._submit("promote", body, metadata, arguments)

    def submit_rollback(self, body: Body) -> None:
        view, metadata = _view(body)
        arguments = {name: metadata.get(name, "") for name in ("version", "target", "running")}
        self._submit("rollback", body, metadata, arguments | {"reason": _reason(view)})

    def submit_lock(self, body: Body) -> None:
        view, metadata = _view(body)
        duration = normalize(read_input(view, "duration"))
        if duration:
            try:
                parse_lock_duration(duration)
            except UsageError as error:
                raise InvalidFormError({"duration": str(error)}) from error
        last = self._rendering.last_environment
        target = read_input(view, "target") or metadata.get("target") or last
        arguments = {"target": target, "duration": duration, "reason": _reason(view)}
        self._submit("lock", body, metadata, arguments)

    def submit_unlock(self, body: Body) -> None:
        view, metadata = _view(body)
        arguments = {"target": metadata.get("target", ""), "reason": _reason(view)}
        self._submit("unlock", body, metadata, arguments)

    def submit_rejection(self, body: Body) -> None:
        view, metadata = _view(body)
        arguments = {"change": metadata.get("change", ""), "reason": _reason(view)}
        self._submit("reject", body, metadata, arguments)

    def publish_home(self, body: Body) -> None:
        event = body.get("event") or {}
        if event.get("tab", "home") == "home":
            self._homes.publish(read_event_origin(body))

    def clear_groups(self, _body: Body) -> None:
        self._identities.clear_group_cache()

    def _submit(
        self, kind: str, body: Body, metadata: Mapping[str, str], arguments: dict[str, str]
    ) -> None:
        view, _ = _view(body)
        delivery = "\0".join((str(view.get("id")), str(view.get("hash"))))
        origin = read_view_origin(body, metadata)
        self._dispatcher.accept(new_action(kind, origin, arguments, delivery))

    def _notify(self, body: Body, answer: Payload) -> None:
        self._dispatcher.notify(read_click_origin(body), answer)


def _drop_answer(_body: Body, _answer: Payload) -> None:
    """Drop the answer to an event, which requested nothing."""


def _ignore(_body: Body) -> None:
    """Only acknowledge the request."""


def _view(body: Body) -> tuple[Mapping[str, Any], dict[str, str]]:
    view = body.get("view")
    if not isinstance(view, dict):
        raise UsageError("Slack's request contains no form, so nothing was done")
    return view, read_metadata(view)


def _reason(view: Mapping[str, Any]) -> str:
    try:
        return reason_text(read_input(view, "reason"))
    except UsageError as error:
        raise InvalidFormError({"reason": str(error)}) from error
