"""The answers to orders: of a change, of a command that runs at once, and of a repeated key."""

import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import Literal

from flask import Response, g, jsonify, request

from engine.domain.change import Change
from engine.domain.errors import (
    AuthorizationError,
    ChangeClosedError,
    ConflictError,
    PromotionError,
    UsageError,
)
from engine.domain.operator import Operator
from engine.domain.plan import ACTION_OF
from engine.domain.product import qualified
from engine.domain.request import ChangeRequest, Request
from engine.ports import NO_PROGRESS
from engine.responses.change import ChangeResponse, error_of
from engine.responses.common import Response as JsonResponse
from engine.responses.freeze import FreezeInput, freeze_failed, freeze_response
from web.authentication import must_operate, must_read
from web.follow_token import with_ticket
from web.request_models import Body
from web.site import the_site

FACE = "api"
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)

Answer = tuple[Response, int]


def submitted(wanted: ChangeRequest, response: Callable[[ChangeResponse], JsonResponse]) -> Answer:
    """Answer with the change, which the worker carries out; the same key returns its progress."""
    platform, key = the_site().platform, key_of_request()
    change = platform.changes.submit(wanted, FACE, key)
    asked = (ACTION_OF[type(wanted)].value, wanted.subject, wanted.target)
    if key and (change.action, change.version, change.target) != asked:
        raise ConflictError(
            f"This Idempotency-Key belongs to {change.id}, a {change.action} of {change.version} "
            f"to {change.target}: use a new key for a new request"
        )
    platform.worker.wake()
    return change_answer(change, response(ChangeResponse.of(change)))


def parse_later(parse: Callable[..., Request], name: str, *asked: object) -> Callable[[], Request]:
    """Parse a request about the environment `name` when it is called."""
    return partial(parse, the_site().platform.engine.path, name, present_caller(), g.trace, *asked)


def run_once(typed: FreezeInput, ask: Callable[[], Request], body: Body) -> Answer:
    """Answer a repeated key from the stored answer, so a lock is taken once."""
    site, key = the_site(), key_of_request()
    where = qualified(site.platform.product, typed.environment)
    said = hashlib.sha256(f"{key} {typed.verb} {where}".encode()).hexdigest()
    place, content = f"answered:{said}", body.model_dump(mode="json")
    with site.answering:
        known = site.platform.store.recall(place) if key else None
        if known is not None and known.get("body") != content:
            raise ConflictError("This Idempotency-Key belongs to another request: use a new one")
        if known is not None:
            return jsonify(known["document"]), 200
        try:
            result = site.platform.engine.run(ask(), NO_PROGRESS)
        except PromotionError as error:
            return judged(freeze_failed(typed, error), error)
        response = freeze_response(typed, result)
        if result.error is not None:
            if isinstance(result.error, AuthorizationError):
                # A caller without rights must not read the locker and the reason.
                response = freeze_failed(typed, result.error)
            return judged(response, result.error)
        if key:
            kept = {"document": response.document(), "body": content}
            site.platform.store.remember(place, kept, site.platform.engine.now())
    site.board.expire()
    site.records.wake()
    return judged(response)


def must_plan(run_gates: bool = False) -> None:
    """Raise unless the caller may read the page, and with gates may run commands."""
    must_read(present_caller())
    if run_gates:
        must_operate(present_caller(), "run gates in a dry run")


def change_answer(change: Change, response: JsonResponse) -> Answer:
    error, answer = error_of(change), with_ticket(jsonify(response.document()), change.id)
    if error is None or change.open:
        return answer, 202 if error else 200
    # It cannot be carried out any more, also where the error that ended it was transient.
    refused = isinstance(error, AuthorizationError)
    return answer, error.http_status if refused else ChangeClosedError.http_status


def decision_answer(change: Change, outcome: Literal["rejected", "cancelled"]) -> Answer:
    the_site().board.expire()
    return judged(ChangeResponse.of_decision(change, outcome))


def judged(response: JsonResponse, error: PromotionError | None = None) -> Answer:
    return jsonify(response.document()), error.http_status if error else 200


def key_of_request() -> str | None:
    """Return the key of the caller: two callers may use the same text."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise UsageError(
            "Idempotency-Key must be 1 to 255 printable ASCII characters without spaces"
        )
    return f"{present_caller().id} {given}"


def present_caller() -> Operator:
    operator: Operator = g.caller
    return operator
