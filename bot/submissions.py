"""Reads submitted forms, and accepts them as actions."""

from collections.abc import Mapping
from typing import Any

from bot.dispatcher import Dispatcher
from bot.inbox import new_action
from bot.listeners import InvalidFormError
from bot.modal_inputs import read_input, read_metadata
from bot.payloads import Body, read_view_origin
from bot.slack_text import normalize
from engine.domain.errors import UsageError
from engine.domain.parsing import parse_incident
from engine.domain.product import UNNAMED
from engine.domain.text import reason_text


def read_form(body: Body) -> tuple[Mapping[str, Any], dict[str, str]]:
    """The submitted view and its metadata."""
    view = body.get("view")
    if not isinstance(view, dict):
        raise UsageError("Slack's request contains no form, so nothing was done")
    return view, read_metadata(view)


def read_reason(view: Mapping[str, Any]) -> str:
    try:
        return reason_text(read_input(view, "reason"))
    except UsageError as error:
        raise InvalidFormError({"reason": str(error)}) from error


def read_incident(view: Mapping[str, Any]) -> str:
    """The incident of a break-glass; empty without one."""
    incident = normalize(read_input(view, "incident"))
    try:
        return parse_incident(bool(incident), incident)
    except UsageError as error:
        raise InvalidFormError({"incident": str(error)}) from error


def accept_form(
    dispatcher: Dispatcher,
    kind: str,
    body: Body,
    arguments: Mapping[str, str],
    product: str = UNNAMED,
) -> None:
    """Accept the submitted form as an action of `kind`."""
    view, metadata = read_form(body)
    delivery = "\0".join((str(view.get("id")), str(view.get("hash"))))
    origin = read_view_origin(body, metadata)
    named = {"product": product} if product else {}
    dispatcher.accept(new_action(kind, origin, {**named, **arguments}, delivery))
