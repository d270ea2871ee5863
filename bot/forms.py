"""Opens modals with the values that are already known."""

from collections.abc import Callable, Mapping

from pydantic import JsonValue

from bot.blocks.elements import View, code, escape
from bot.blocks.ephemeral import NOT_STARTED
from bot.blocks.home import loading_modal
from bot.blocks.rendering_context import RenderingContext
from bot.catalog import Catalog
from bot.identity import SlackIdentities
from bot.inbox import Origin
from bot.line import Help, NoProduct
from bot.menu import Menu
from bot.modal_inputs import Draft, read_input, read_metadata
from bot.modal_opener import ModalOpener, Trigger
from bot.modals import (
    LOCK_FORM,
    PROMOTE_FORM,
    ROLLBACK_CHOICE,
    UNLOCK_CHOICE,
    ChoiceForm,
    RollbackPreview,
    lock_all_form,
    lock_form,
    message_modal,
    promote_form,
    reject_form,
    reschedule_form,
    rollback_choice,
    rollback_form,
    unlock_all_form,
    unlock_choice,
    unlock_form,
)
from bot.options import InvalidCommandError
from bot.parse import (
    Lock,
    PromoteForm,
    Rollback,
    Unlock,
    parse_lock,
    parse_promote,
    parse_rollback,
    parse_unlock,
)
from bot.recent_products import RecentProducts
from bot.waiver_forms import WAIVE_FORM, parse_waive, waive_form
from engine.domain.errors import PromotionError
from engine.domain.operator import Operator
from engine.domain.parsing import parse_rollback_request
from engine.domain.plan import Effect, GateMode, Plan
from engine.domain.release_errors import HOLDING
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS

_REASON_PENDING = "not entered yet"
_CHOICES: Mapping[str, ChoiceForm] = {
    "promote": promote_form,
    "rollback": rollback_choice,
    "lock": lock_form,
    "unlock": unlock_choice,
    "waive": waive_form,
}
_BY_CALLBACK: Mapping[str, ChoiceForm] = {
    PROMOTE_FORM: promote_form,
    ROLLBACK_CHOICE: rollback_choice,
    LOCK_FORM: lock_form,
    UNLOCK_CHOICE: unlock_choice,
    WAIVE_FORM: waive_form,
}
_PARSERS: Mapping[str, Callable[[str, Menu, str], object]] = {
    "promote": parse_promote,
    "rollback": parse_rollback,
    "lock": parse_lock,
    "unlock": parse_unlock,
    "waive": parse_waive,
}


class Forms:
    def __init__(
        self,
        catalog: Catalog,
        identities: SlackIdentities,
        opener: ModalOpener,
        recent: RecentProducts,
    ) -> None:
        self._catalog = catalog
        self._identities = identities
        self._opener = opener
        self._recent = recent

    def open_promote(self, trigger: Trigger, prefilled: PromoteForm) -> None:
        rendering = self._catalog.rendering(prefilled.product)
        draft = Draft(prefilled.version, prefilled.target, at=prefilled.at)
        self._catalog.products.named(prefilled.product).engine.versions.prepare()
        self._opener.open(trigger, promote_form(rendering, _metadata(trigger.origin), draft))

    def open_choice(self, kind: str, trigger: Trigger, text: str) -> None:
        """Open a form that asks for the product of the command `text`, the last used one first."""
        self._opener.open(trigger, lambda: self._choice_view(kind, trigger.origin, text))

    def _choice_view(self, kind: str, origin: Origin, text: str) -> View:
        visible = self._catalog.visible(origin)
        product = self._recent.last(origin, visible)
        menu = Menu({name: each.engine.path for name, each in visible.items()}, product)
        try:
            parsed = _PARSERS[kind](text, menu, "")
        except InvalidCommandError:
            # An environment of another product, for example: the form asks for it again.
            parsed = None
        product = getattr(parsed, "product", "") or product
        rendering = self._catalog.rendering(product)
        if kind == "promote":
            visible[product].engine.versions.prepare()
        return _CHOICES[kind](rendering, _metadata(origin), _draft(parsed))

    def change_product(self, view: Mapping[str, object], product: str) -> None:
        """Show the environments of `product` in an open form."""
        show = _BY_CALLBACK.get(str(view.get("callback_id")))
        if show is None:
            return
        draft = Draft(*(read_input(view, name) for name in Draft.names()))
        rendering = self._catalog.rendering(product)
        self._opener.replace(view, show(rendering, {**read_metadata(view)}, draft))

    def open_lock(self, trigger: Trigger, prefilled: Lock) -> None:
        rendering = self._catalog.rendering(prefilled.product)
        metadata = _metadata(trigger.origin, prefilled.product) | {"target": prefilled.target}
        draft = Draft(target=prefilled.target, duration=prefilled.duration or "")
        self._opener.open(trigger, lock_form(rendering, metadata, draft))

    def open_lock_all(self, trigger: Trigger, command: Lock) -> None:
        """Ask whether to lock the environment of the products that have it."""
        self._opener.open(
            trigger,
            loading_modal(f"Lock {command.target}"),
            lambda: self._lock_all_view(trigger.origin, command),
        )

    def _lock_all_view(self, origin: Origin, command: Lock) -> View:
        try:
            allowed, refused = self._catalog.lockable(origin, command.target)
        except PromotionError as error:
            return message_modal("Lock", f"*Not locked:* {escape(str(error), 2000)}")
        draft = Draft("", command.target, command.reason, command.duration or "")
        metadata = _metadata(origin) | {"target": command.target}
        return lock_all_form(allowed, refused, metadata, draft)

    def open_unlock_all(self, trigger: Trigger, lock_id: str) -> None:
        metadata = _metadata(trigger.origin) | {"lock": lock_id}
        self._opener.open(trigger, unlock_all_form(metadata))

    def open_unlock(self, trigger: Trigger, prefilled: Unlock) -> None:
        metadata = _metadata(trigger.origin, prefilled.product) | {"target": prefilled.target}
        place = self._catalog.rendering(prefilled.product).place(prefilled.target)
        self._opener.open(trigger, unlock_form(place, f"Unlock {prefilled.target}", metadata))

    def open_reject(self, trigger: Trigger, change_id: str) -> None:
        """Open the rejection form; UsageError if the change does not exist."""
        change = self._catalog.change(change_id)
        metadata = _metadata(trigger.origin) | {"change": change.id}
        self._opener.open(trigger, reject_form(change, metadata))

    def open_reschedule(self, trigger: Trigger, change_id: str) -> None:
        """Ask for another time; UsageError if the change does not exist."""
        change = self._catalog.change(change_id)
        metadata = _metadata(trigger.origin) | {"change": change.id}
        self._opener.open(trigger, reschedule_form(change, metadata))

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
        platform = self._catalog.products.named(command.product)
        rendering = self._catalog.rendering(command.product)
        path, title = platform.engine.path, f"Roll back {command.target}"
        version = command.version or platform.engine.versions.before(command.target)
        request = parse_rollback_request(
            path,
            version,
            command.target,
            operator,
            trace_id(),
            command.reason or _REASON_PENDING,
            command.incident,
        )
        plan = platform.engine.plan(request, NO_PROGRESS, GateMode.LIST)
        if any(finding.blocks for finding in plan.policy):
            return _blocked_rollback(plan, rendering, command, version)
        if plan.effect is Effect.NOTHING:
            place = rendering.place(command.target)
            return message_modal(
                title, f"*Nothing to do:* {code(version)} is already running in {place}."
            )
        running = plan.previous
        metadata = _metadata(origin, command.product) | {
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
            command.product,
            command.incident,
        )
        return rollback_form(rendering, impact, metadata, command.reason)


def _blocked_rollback(
    plan: Plan, rendering: RenderingContext, command: Rollback, version: str
) -> View:
    """Say why a rollback is refused, and how to skip a window or a lock where that is allowed."""
    blockers = "; ".join(finding.reason for finding in plan.policy if finding.blocks)
    text = f"*{NOT_STARTED}:* {escape(rendering.use_slash_commands(blockers), 2000)}"
    held = any(issubclass(each.error or PromotionError, HOLDING) for each in plan.blockers)
    groups = rendering.break_glass_groups
    if held and groups and not command.incident:
        options = "--break-glass --incident INC-42 --reason …"
        line = code(rendering.command("rollback", version, command.target, options), 400)
        text += f"\nIn an incident, {escape(' or '.join(groups))} can skip this: {line}"
    return message_modal(f"Roll back {command.target}", text)


def _draft(parsed: object) -> Draft:
    """The values of a parsed command that a form shows."""
    match parsed:
        case None | Help() | NoProduct():
            return Draft()
        case _:
            # The overrides of a promotion have its reason and its incident.
            source = getattr(parsed, "overrides", parsed)
            names = Draft.names()
            values = (getattr(parsed, name, None) or getattr(source, name, "") for name in names)
            return Draft(*(value or "" for value in values))


def _metadata(origin: Origin, product: str = "") -> dict[str, JsonValue]:
    metadata: dict[str, JsonValue] = {"channel": origin.channel, "thread": origin.thread or ""}
    return metadata | ({"product": product} if product else {})
