"""Listeners for buttons, modals, the message shortcut and events."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from slack_bolt import App

from bot.app_home import AppHomes
from bot.blocks.change import CANCEL, RESCHEDULE
from bot.blocks.deployment import ROLL_BACK
from bot.blocks.elements import Block, Payload
from bot.blocks.group_lock import UNLOCK_ALL
from bot.blocks.lock import UNLOCK
from bot.blocks.overview import SEARCH
from bot.blocks.rendering_context import RenderingContext
from bot.blocks.thread import APPROVE, REJECT
from bot.catalog import Catalog
from bot.dispatcher import Dispatcher
from bot.forms import Forms
from bot.home_search import HomeSearch
from bot.identity import SlackIdentities
from bot.inbox import new_action
from bot.listeners import InvalidFormError, wrap_click, wrap_options, wrap_submission
from bot.menu import Menu
from bot.modal_inputs import MOST_OPTIONS, PRODUCT, VERSION, option, read_input
from bot.modals import (
    LOCK_ALL_FORM,
    LOCK_FORM,
    PROMOTE_FORM,
    REJECT_FORM,
    RESCHEDULE_FORM,
    ROLLBACK_CHOICE,
    ROLLBACK_FORM,
    UNLOCK_ALL_FORM,
    UNLOCK_CHOICE,
    UNLOCK_FORM,
)
from bot.options import InvalidCommandError
from bot.parse import Lock, Rollback, Unlock, parse_promote
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
from bot.submissions import accept_form, read_form, read_incident, read_reason
from bot.version_search import find_versions
from engine.domain.errors import UsageError
from engine.domain.parsing import parse_lock_duration, parse_version
from engine.domain.product import UNNAMED
from engine.domain.scheduled_time import parse_scheduled_time

LOCK_SHORTCUT = "lock_from_message"
_GROUPS_CHANGED = ("subteam_updated", "subteam_members_changed", "user_change")


class InteractionListeners:
    def __init__(
        self,
        dispatcher: Dispatcher,
        forms: Forms,
        homes: AppHomes,
        identities: SlackIdentities,
        catalog: Catalog,
        search: HomeSearch,
    ) -> None:
        self._dispatcher = dispatcher
        self._forms = forms
        self._homes = homes
        self._identities = identities
        self._catalog = catalog
        self._search = search

    def listen(self, app: App) -> None:
        app.action(APPROVE)(wrap_click("Not approved", self._decision("approve"), self._notify))
        app.action(REJECT)(wrap_click("Not opened", self.open_reject_form, self._notify))
        app.action(CANCEL)(wrap_click("Not cancelled", self._decision("cancel"), self._notify))
        app.action(RESCHEDULE)(wrap_click("Not opened", self.open_reschedule_form, self._notify))
        app.action(ROLL_BACK)(wrap_click("Not opened", self.open_rollback_form, self._notify))
        app.action(UNLOCK)(wrap_click("Not opened", self.open_unlock_form, self._notify))
        app.action(UNLOCK_ALL)(wrap_click("Not opened", self.open_unlock_all_form, self._notify))
        app.action(PRODUCT)(wrap_click("Not shown", self.change_product, _drop_answer))
        app.options(PRODUCT)(wrap_options(self.find_products))
        app.options(re.compile(f"{VERSION}:.*"))(
            wrap_options(partial(find_versions, self._catalog))
        )
        app.options(SEARCH)(wrap_options(self._search.find))
        app.action(SEARCH)(wrap_click("Not shown", self._search.show, self._notify))
        # Link buttons, and buttons of other floe versions, are only acknowledged.
        app.action(re.compile(".*"))(wrap_click("Not done", _ignore, self._notify))
        app.shortcut(LOCK_SHORTCUT)(wrap_click("Not opened", self.open_lock_form, self._notify))
        forms: Mapping[str, tuple[str, Callable[[Body], None]]] = {
            PROMOTE_FORM: ("version", self.submit_promotion),
            ROLLBACK_FORM: ("reason", self.submit_rollback),
            ROLLBACK_CHOICE: ("version", self.submit_rollback_choice),
            LOCK_FORM: ("reason", self.submit_lock),
            UNLOCK_FORM: ("reason", self.submit_unlock),
            UNLOCK_CHOICE: ("reason", self.submit_unlock),
            LOCK_ALL_FORM: ("reason", self.submit_lock_all),
            UNLOCK_ALL_FORM: ("reason", self.submit_unlock_all),
            REJECT_FORM: ("reason", self.submit_rejection),
            RESCHEDULE_FORM: ("at", self.submit_time),
        }
        for callback_id, (first, listen) in forms.items():
            app.view(callback_id)(wrap_submission("Not done", first, listen))
        app.event("app_home_opened")(wrap_click("Not shown", self.publish_home, _drop_answer))
        for name in _GROUPS_CHANGED:
            app.event(name)(wrap_click("Not handled", self.clear_groups, _drop_answer))
        # Slack would send other events again and again if they were not acknowledged.
        app.event(re.compile(".*"))(wrap_click("Not handled", _ignore, _drop_answer))

    def open_reschedule_form(self, body: Body) -> None:
        origin = read_click_origin(body)
        self._forms.open_reschedule(read_trigger(body, origin), read_action_value(body))

    def open_reject_form(self, body: Body) -> None:
        origin = read_click_origin(body)
        self._forms.open_reject(read_trigger(body, origin), read_action_value(body))

    def open_unlock_form(self, body: Body) -> None:
        origin = read_click_origin(body)
        product, _, target = read_action_value(body).rpartition("/")
        self._catalog.products.named(product).engine.path.environment(target)
        self._forms.open_unlock(read_trigger(body, origin), Unlock(target, product=product))

    def open_rollback_form(self, body: Body) -> None:
        origin = read_click_origin(body)
        product, _, target = read_action_value(body).rpartition("/")
        self._catalog.products.named(product).engine.path.environment(target)
        command = Rollback(None, target, product=product)
        self._forms.open_rollback(read_trigger(body, origin), command)

    def open_lock_form(self, body: Body) -> None:
        origin = read_click_origin(body)
        trigger, product = read_trigger(body, origin), self._catalog.menu(origin).default
        if product is None:
            self._forms.open_choice("lock", trigger, "")
            return
        target = self._catalog.rendering(product).last_environment
        self._forms.open_lock(trigger, Lock(target, product=product))

    def change_product(self, body: Body) -> None:
        """Show the environments of the product that was chosen in a form."""
        view, _ = read_form(body)
        self._forms.change_product(view, read_action_value(body))

    def find_products(self, body: Body) -> Sequence[Block]:
        """List the products that match the typed text."""
        typed, origin = normalize(read_text(body, "value")), read_click_origin(body)
        return [option(name) for name in self._catalog.search(typed, origin)[:MOST_OPTIONS]]

    def submit_promotion(self, body: Body) -> None:
        view, metadata = read_form(body)
        version = normalize(read_input(view, "version"))
        product, rendering = self._place(view, metadata)
        target = read_input(view, "target") or rendering.last_environment
        menu = Menu({product: rendering.path}, product)
        try:
            parsed = parse_promote(f"{version} {target}", menu, "")
        except InvalidCommandError as error:
            raise InvalidFormError({"version": str(error)}) from error
        options = isinstance(parsed, Promotion) and (parsed.overrides or parsed.at)
        # The version field takes no options, and the environment comes from its own input.
        if not isinstance(parsed, Promotion) or parsed.target != target or options:
            raise InvalidFormError({"version": "Enter one version, for example v1.2.3"})
        source = parsed.source or ""
        arguments = {"version": parsed.version, "source": source, "target": parsed.target}
        if read_input(view, "at"):
            arguments["at"] = self._time(view)
        if incident := read_incident(view):
            arguments |= {"incident": incident, "reason": read_reason(view)}
        elif read_input(view, "reason"):
            raise InvalidFormError({"incident": "A reason is for a break-glass: name its incident"})
        accept_form(self._dispatcher, "promote", body, arguments, product)

    def submit_rollback(self, body: Body) -> None:
        view, metadata = read_form(body)
        arguments = {name: metadata.get(name, "") for name in ("version", "target", "running")}
        arguments |= {"reason": read_reason(view), "incident": read_incident(view)}
        accept_form(self._dispatcher, "rollback", body, arguments, metadata.get("product", ""))

    def submit_rollback_choice(self, body: Body) -> None:
        """Show the impact of the rollback that was chosen."""
        view, metadata = read_form(body)
        product, rendering = self._place(view, metadata)
        version = normalize(read_input(view, "version"))
        target = read_input(view, "target") or rendering.last_environment
        if version:
            parse_version(version)
        origin = read_view_origin(body, metadata)
        incident = read_incident(view)
        command = Rollback(version or None, target, product=product, incident=incident)
        self._forms.open_rollback(read_trigger(body, origin), command)

    def submit_lock(self, body: Body) -> None:
        view, metadata = read_form(body)
        product, rendering = self._place(view, metadata)
        target = read_input(view, "target") or metadata.get("target") or rendering.last_environment
        arguments = {"target": target, "duration": _duration(view), "reason": read_reason(view)}
        accept_form(self._dispatcher, "lock", body, arguments, product)

    def submit_unlock(self, body: Body) -> None:
        view, metadata = read_form(body)
        product, _ = self._place(view, metadata)
        target = read_input(view, "target") or metadata.get("target", "")
        arguments = {"target": target, "reason": read_reason(view)}
        accept_form(self._dispatcher, "unlock", body, arguments, product)

    def open_unlock_all_form(self, body: Body) -> None:
        trigger = read_trigger(body, read_click_origin(body))
        self._forms.open_unlock_all(trigger, read_action_value(body))

    def submit_lock_all(self, body: Body) -> None:
        view, metadata = read_form(body)
        arguments = {"target": metadata.get("target", ""), "duration": _duration(view)}
        accept_form(self._dispatcher, "lock_all", body, arguments | {"reason": read_reason(view)})

    def submit_unlock_all(self, body: Body) -> None:
        view, metadata = read_form(body)
        arguments = {"lock": metadata.get("lock", ""), "reason": read_reason(view)}
        accept_form(self._dispatcher, "unlock_all", body, arguments)

    def submit_rejection(self, body: Body) -> None:
        view, metadata = read_form(body)
        arguments = {"change": metadata.get("change", ""), "reason": read_reason(view)}
        accept_form(self._dispatcher, "reject", body, arguments)

    def submit_time(self, body: Body) -> None:
        view, metadata = read_form(body)
        arguments = {"change": metadata.get("change", ""), "at": self._time(view)}
        accept_form(self._dispatcher, "reschedule", body, arguments)

    def publish_home(self, body: Body) -> None:
        event = body.get("event") or {}
        if event.get("tab", "home") == "home":
            self._homes.publish(read_event_origin(body))

    def clear_groups(self, _body: Body) -> None:
        self._identities.clear_group_cache()

    def _place(
        self, view: Mapping[str, Any], metadata: Mapping[str, str]
    ) -> tuple[str, RenderingContext]:
        """The product of a form, chosen in it or known before."""
        product = read_input(view, "product") or metadata.get("product", UNNAMED)
        return product, self._catalog.rendering(product)

    def _decision(self, kind: str) -> Callable[[Body], None]:
        def accept(body: Body) -> None:
            origin, arguments = read_click_origin(body), {"change": read_action_value(body)}
            delivery = read_text(body, "trigger_id")
            self._dispatcher.accept(new_action(kind, origin, arguments, delivery))

        return accept

    def _time(self, view: Mapping[str, Any]) -> str:
        at = normalize(read_input(view, "at"))
        try:
            parse_scheduled_time(at, self._catalog.now())
        except UsageError as error:
            raise InvalidFormError({"at": str(error)}) from error
        return at

    def _notify(self, body: Body, answer: Payload) -> None:
        self._dispatcher.notify(read_click_origin(body), answer)


def _drop_answer(_body: Body, _answer: Payload) -> None:
    """Drop the answer to an event, which requested nothing."""


def _ignore(_body: Body) -> None:
    """Only acknowledge the request."""


def _duration(view: Mapping[str, Any]) -> str:
    duration = normalize(read_input(view, "duration"))
    if duration:
        try:
            parse_lock_duration(duration)
        except UsageError as error:
            raise InvalidFormError({"duration": str(error)}) from error
    return duration
