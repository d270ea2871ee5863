"""The shape of every listener: understand, keep, acknowledge; nothing is raised, nobody waits."""

import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import JsonValue
from slack_bolt import Ack

from bot.blocks.elements import Payload
from bot.blocks.ephemeral import refusal, try_instead
from bot.dispatcher import unexpected
from bot.options import NotUnderstoodError
from bot.payloads import Body
from engine.domain.errors import PromotionError, UsageError

_log = logging.getLogger(__name__)
Errors = Mapping[str, str]


class BadFormError(Exception):
    """A modal is filled in so that it cannot be meant: what is said under which input."""

    def __init__(self, errors: Errors) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)


def commands(what_not: str, listen: Callable[[Body], Payload | None]) -> Callable[..., None]:
    """A slash command: what `listen` returns is seen by whoever typed it."""

    def run(ack: Ack, body: dict[str, Any]) -> None:
        answer = _heard(what_not, listen, body)
        if answer is None:
            ack()
        else:
            ack(_private(answer))

    return run


def clicks(
    what_not: str,
    listen: Callable[[Body], Payload | None],
    tell: Callable[[Body, Payload], None],
) -> Callable[..., None]:
    """A button, a shortcut or an event: an answer takes another way than the acknowledgement."""

    def run(ack: Ack, body: dict[str, Any]) -> None:
        answer = _heard(what_not, listen, body)
        if answer is not None:
            try:
                tell(body, answer)
            except UsageError as error:
                # It names nobody who could be told, and would be sent again in vain.
                _log.warning("a request of Slack cannot be answered: %s", error)
            except PromotionError as error:
                # Without an acknowledgement Slack at least shows that something went wrong.
                _log.error("an answer could not be kept: %s", error)
                return
        ack()

    return run


def submissions(what_not: str, first: str, listen: Callable[[Body], None]) -> Callable[..., None]:
    """A modal: what is wrong with it is said in it, under the input `first` when under no other."""

    def run(ack: Ack, body: dict[str, Any]) -> None:
        errors: Errors = {}

        def listened(given: Body) -> None:
            nonlocal errors
            try:
                listen(given)
            except BadFormError as error:
                errors = error.errors
            except PromotionError as error:
                errors = {first: str(error)}

        answer = _heard(what_not, listened, body)
        if answer is not None:
            errors = {first: answer.text}
        if errors:
            ack(response_action="errors", errors={k: v[:2000] for k, v in errors.items()})
        else:
            ack()

    return run


def _heard(what_not: str, listen: Callable[[Body], Payload | None], body: Body) -> Payload | None:
    try:
        return listen(body)
    except NotUnderstoodError as error:
        return refusal(what_not, str(error), try_instead(error.next))
    except PromotionError as error:
        return refusal(what_not, str(error))
    except Exception:  # noqa: BLE001 - the last chance to answer
        # The outermost handler: raising after or instead of ack() would lose the answer.
        incident = secrets.token_hex(4)
        _log.exception("a listener failed unexpectedly (%s)", incident)
        return unexpected(incident)


def _private(answer: Payload) -> dict[str, JsonValue]:
    """Only to be seen by one person; said explicitly, since defaults differ."""
    return {**answer.arguments, "response_type": "ephemeral"}
