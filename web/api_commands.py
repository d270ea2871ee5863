"""The JSON API for programs with a bearer token: the commands of `floe platform`."""

import hashlib
import re
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Literal

from flask import Blueprint, Response, g, jsonify, request

from engine.domain.change import Change
from engine.domain.errors import (
    AuthorizationError,
    ChangeClosedError,
    ConflictError,
    PromotionError,
    UsageError,
)
from engine.domain.operator import Operator
from engine.domain.parsing import (
    parse_acknowledge_request,
    parse_lock_request,
    parse_promotion_request,
    parse_restore_request,
    parse_rollback_request,
    parse_rotate_request,
    parse_unlock_request,
)
from engine.domain.plan import GateMode
from engine.domain.request import PromotionRequest, Request, RollbackRequest
from engine.domain.text import reason_text
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS
from engine.ports.webhooks import redeliver_failed
from engine.responses.change import ChangeResponse, error_of
from engine.responses.common import Response as JsonResponse
from engine.responses.freeze import FreezeInput, freeze_failed, freeze_response
from engine.responses.promotion import PromotionInput, PromotionResponse
from engine.responses.rollback import RollbackInput, RollbackResponse
from engine.responses.sync import SyncResponse
from engine.responses.webhooks import WebhooksResponse
from web.authentication import caller, must_operate, must_read
from web.concurrency_limit import limit_concurrency
from web.follow_token import with_ticket
from web.pages import change_of
from web.request_models import (
    Acknowledgement,
    Body,
    Lock,
    Promotion,
    Reason,
    Redelivery,
    Remark,
    Rollback,
    Rotation,
    Sync,
    reason_sent,
    sent,
)
from web.site import the_site

_FACE = "api"
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_once = threading.Lock()

orders = Blueprint("orders", __name__, url_prefix="/api/v1")

Answer = tuple[Response, int]


@orders.before_request
def admit() -> None:
    """Require a bearer token: another site can make a browser send a cookie."""
    g.caller = caller()
    g.trace = trace_id(request.headers.get("traceparent"))


@orders.post("/promotions")
def promote() -> Answer:
    body = sent(Promotion)
    typed = PromotionInput(body.version, body.source, body.target, body.dry_run, g.trace)
    engine = the_site().platform.engine
    try:
        wanted = parse_promotion_request(
            engine.path,
            body.version,
            body.source,
            body.target,
            _caller(),
            g.trace,
            body.overrides,
        )
        typed = replace(typed, version=str(wanted.version), source=wanted.source)
        if body.dry_run:
            _must_plan(body.run_gates)
            with limit_concurrency() if body.run_gates else nullcontext():
                mode = GateMode.RUN if body.run_gates else GateMode.LIST
                plan = engine.plan(wanted, NO_PROGRESS, mode)
            return _judged(PromotionResponse.of_dry_run(typed, plan), plan.error)
        return _submitted(wanted, partial(PromotionResponse.of_change, typed))
    except PromotionError as error:
        return _judged(PromotionResponse.failed(typed, error), error)


@orders.post("/rollbacks")
def roll_back() -> Answer:
    body = sent(Rollback)
    typed = RollbackInput(body.version, body.environment, body.reason, body.dry_run, g.trace)
    engine = the_site().platform.engine
    try:
        wanted = parse_rollback_request(
            engine.path, body.version, body.environment, _caller(), g.trace, typed.stated_reason
        )
        if body.dry_run:
            _must_plan()
            plan = engine.plan(wanted, NO_PROGRESS, GateMode.LIST)
            return _judged(RollbackResponse.of_dry_run(typed, plan), plan.error)
        return _submitted(wanted, partial(RollbackResponse.of_change, typed))
    except PromotionError as error:
        return _judged(RollbackResponse.failed(typed, error), error)


@orders.post("/changes/<change_id>/approve")
def approve(change_id: str) -> Answer:
    change_of(change_id)
    changed = the_site().platform.changes.approve(change_id, _caller(), _FACE, reason_sent())
    the_site().platform.worker.wake()
    return _of_change(changed, ChangeResponse.of(changed))


@orders.post("/changes/<change_id>/reject")
def reject(change_id: str) -> Answer:
    change_of(change_id)
    reason = reason_text(sent(Reason).reason)
    changed = the_site().platform.changes.reject(change_id, _caller(), reason, _FACE)
    return _decided(changed, "rejected")


@orders.post("/changes/<change_id>/cancel")
def cancel(change_id: str) -> Answer:
    change_of(change_id)
    changed = the_site().platform.changes.cancel(change_id, _caller(), _FACE, reason_sent())
    return _decided(changed, "cancelled")


@orders.post("/environments/<name>/lock")
def lock(name: str) -> Answer:
    body = sent(Lock)
    typed = FreezeInput("lock", name, body.reason, g.trace)
    return _frozen(typed, _asking(parse_lock_request, name, body.reason, body.duration), body)


@orders.post("/environments/<name>/unlock")
def unlock(name: str) -> Answer:
    body = sent(Reason)
    typed = FreezeInput("unlock", name, body.reason, g.trace)
    return _frozen(typed, _asking(parse_unlock_request, name, body.reason), body)


@orders.post("/environments/<name>/restore")
def restore(name: str) -> Answer:
    body = sent(Remark) if request.content_length else Remark()
    typed = FreezeInput("restore", name, body.reason or "", g.trace)
    return _frozen(typed, _asking(parse_restore_request, name, body.reason), body)


@orders.post("/environments/<name>/acknowledge")
def acknowledge(name: str) -> Answer:
    body = sent(Acknowledgement)
    typed = FreezeInput("acknowledge", name, body.reason, g.trace, body.sequence)
    ask = _asking(parse_acknowledge_request, name, body.sequence, body.reason)
    return _frozen(typed, ask, body)


@orders.post("/environments/<name>/rotate")
def rotate(name: str) -> Answer:
    body = sent(Rotation)
    keys = body.keys
    typed = FreezeInput("rotate", name, body.reason or "", g.trace, None, *keys)
    return _frozen(typed, _asking(parse_rotate_request, name, *keys, body.reason), body)


@orders.post("/webhooks")
def redeliver() -> Answer:
    """Redeliver a webhook and wait for the result; receivers recognize a repeated ID."""
    must_operate(_caller(), "deliver webhooks again")
    wanted, _ = sent(Redelivery).redeliver, _key()
    webhook_sender = the_site().platform.engine.webhooks
    again = redeliver_failed(webhook_sender, wanted)
    failed, waiting = webhook_sender.undelivered(), webhook_sender.waiting()
    return _judged(WebhooksResponse.of(failed, waiting, again, g.trace))


@orders.post("/sync")
def sync() -> Answer:
    """Repair the secondaries, and wait for the result; a repetition changes nothing."""
    must_operate(_caller(), "sync the secondary registries")
    environment, _ = sent(Sync).environment, _key()
    with limit_concurrency():
        report = the_site().platform.engine.sync(environment, NO_PROGRESS)
    return _judged(SyncResponse.of(report, g.trace), report.error)


def _submitted(
    wanted: PromotionRequest | RollbackRequest, response: Callable[[ChangeResponse], JsonResponse]
) -> Answer:
    """Answer with the change, which the worker carries out; the same key returns its progress."""
    platform, key = the_site().platform, _key()
    change = platform.changes.submit(wanted, _FACE, key)
    action = "promote" if isinstance(wanted, PromotionRequest) else "rollback"
    asked = (action, str(wanted.version), wanted.target)
    if key and (change.action, change.version, change.target) != asked:
        raise ConflictError(
            f"This Idempotency-Key belongs to {change.id}, a {change.action} of {change.version} "
            f"to {change.target}: use a new key for a new request"
        )
    platform.worker.wake()
    return _of_change(change, response(ChangeResponse.of(change)))


def _asking(parse: Callable[..., Request], name: str, *asked: object) -> Callable[[], Request]:
    """Parse a request about the environment `name` when it is called."""
    return partial(parse, the_site().platform.engine.path, name, _caller(), g.trace, *asked)


def _frozen(typed: FreezeInput, ask: Callable[[], Request], body: Body) -> Answer:
    """Answer a repeated key from the stored answer, so a lock is taken once."""
    site, key = the_site(), _key()
    said = hashlib.sha256(f"{key} {typed.verb} {typed.environment}".encode()).hexdigest()
    place, content = f"answered:{said}", body.model_dump(mode="json")
    with _once:
        known = site.platform.store.recall(place) if key else None
        if known is not None and known.get("body") != content:
            raise ConflictError("This Idempotency-Key belongs to another request: use a new one")
        if known is not None:
            return jsonify(known["document"]), 200
        try:
            result = site.platform.engine.run(ask(), NO_PROGRESS)
        except PromotionError as error:
            return _judged(freeze_failed(typed, error), error)
        response = freeze_response(typed, result)
        if result.error is not None:
            site.entrance.refused(result.plan)
            if isinstance(result.error, AuthorizationError):
                # A caller without rights must not read the locker and the reason.
                response = freeze_failed(typed, result.error)
            return _judged(response, result.error)
        if key:
            kept = {"document": response.document(), "body": content}
            site.platform.store.remember(place, kept, site.platform.engine.now())
    site.board.expire()
    site.records.wake()
    return _judged(response)


def _must_plan(run_gates: bool = False) -> None:
    """Raise unless the caller may read the page, and with gates may run commands."""
    must_read(_caller())
    if run_gates:
        must_operate(_caller(), "run gates in a dry run")


def _of_change(change: Change, response: JsonResponse) -> Answer:
    error, answer = error_of(change), with_ticket(jsonify(response.document()), change.id)
    if error is None:
        return answer, 200
    if change.open:
        return answer, 202
    # It cannot be carried out any more, also where the error that ended it was transient.
    refused = isinstance(error, AuthorizationError)
    return answer, error.http_status if refused else ChangeClosedError.http_status


def _decided(change: Change, outcome: Literal["rejected", "cancelled"]) -> Answer:
    the_site().board.expire()
    return _judged(ChangeResponse.of_decision(change, outcome))


def _judged(response: JsonResponse, error: PromotionError | None = None) -> Answer:
    return jsonify(response.document()), error.http_status if error else 200


def _key() -> str | None:
    """Return the key of the caller: two callers may use the same text."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise UsageError(
            "Idempotency-Key must be 1 to 255 printable ASCII characters without spaces"
        )
    return f"{_caller().id} {given}"


def _caller() -> Operator:
    operator: Operator = g.caller
    return operator
