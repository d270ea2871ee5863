"""Wraps listeners: parse, store and acknowledge the request, and never raise."""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import JsonValue
from slack_bolt import Ack

from bot.blocks.elements import Block, Payload
from bot.blocks.ephemeral import refusal, suggest_command
from bot.dispatcher import incident_refusal
from bot.options import InvalidCommandError
from bot.payloads import Body
from engine.domain.errors import PromotionError, UsageError

_log = logging.getLogger(__name__)
Errors = Mapping[str, str]


class InvalidFormError(Exception):
    """A form has invalid values: the error of each input."""

    def __init__(self, errors: Errors) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)


def wrap_command(headline: str, listen: Callable[[Body], Payload | None]) -> Callable[..., None]:
    """Wrap a slash command; only the person who typed it sees the answer of `listen`."""

    def run(ack: Ack, body: dict[str, Any]) -> None:
        answer = _call_listener(headline, listen, body)
        if answer is None:
            ack()
        else:
            ack(_private(answer))

    return run


def wrap_click(
    headline: str, listen: Callable[[Body], Payload | None], notify: Callable[[Body, Payload], None]
) -> Callable[..., None]:
    """Wrap a button, shortcut or event; the answer is sent with `notify`, not in the ack."""

    def run(ack: Ack, body: dict[str, Any]) -> None:
        answer = _call_listener(headline, listen, body)
        if answer is not None:
            try:
                notify(body, answer)
            except UsageError as error:
                # The request names no user to answer; a redelivery would not either.
                _log.warning("a request from Slack cannot be answered: %s", error)
            except PromotionError as error:
                # Without an acknowledgement Slack shows the user that the request failed.
                _log.error("an answer could not be stored: %s", error)
                return
        ack()

    return run


def wrap_submission(
    headline: str, first: str, listen: Callable[[Body], None]
) -> Callable[..., None]:
    """Wrap a modal; errors are shown under their inputs, or under the input `first`."""

    def run(ack: Ack, body: dict[str, Any]) -> None:
        errors: Errors = {}

        def validate(body: Body) -> None:
            nonlocal errors
            try:
                listen(body)
            except InvalidFormError as error:
                errors = error.errors
            except PromotionError as error:
                errors = {first: str(error)}

        answer = _call_listener(headline, validate, body)
        if answer is not None:
            errors = {first: answer.text}
        if errors:
            ack(response_action="errors", errors={k: v[:2000] for k, v in errors.items()})
        else:
            ack()

    return run


def wrap_options(find: Callable[[Body], Sequence[Block]]) -> Callable[..., None]:
    """Wrap a search in a select; an error finds nothing."""

    def run(ack: Ack, body: dict[str, Any]) -> None:
        found: Sequence[Block] = ()

        def search(body: Body) -> None:
            nonlocal found
            found = find(body)

        _call_listener("Not found", search, body)
        ack(options=found)

    return run


def _call_listener(
    headline: str, listen: Callable[[Body], Payload | None], body: Body
) -> Payload | None:
    try:
        return listen(body)
    except InvalidCommandError as error:
        return refusal(headline, str(error), suggest_command(error.suggestion))
    except PromotionError as error:
        return refusal(headline, str(error))
    except Exception:  # noqa: BLE001 - the last chance to answer
        # The outermost handler: raising after or instead of ack() would lose the answer.
        incident = secrets.token_hex(4)
        _log.exception("a listener failed unexpectedly (%s)", incident)
        return incident_refusal(incident)


def _private(answer: Payload) -> dict[str, JsonValue]:
    """Mark `answer` as ephemeral, because Slack's defaults differ."""
    return {**answer.arguments, "response_type": "ephemeral"}
