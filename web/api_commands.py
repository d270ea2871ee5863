"""The JSON API for programs with a bearer token: the commands of `floe platform`."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import cast

from flask import Blueprint, g, request

from engine.domain.errors import (
    PromotionError,
)
from engine.domain.parsing import (
    parse_acknowledge_request,
    parse_incident,
    parse_lock_request,
    parse_promotion_request,
    parse_release_request,
    parse_restore_request,
    parse_review_request,
    parse_rollback_request,
    parse_rotate_request,
    parse_unlock_request,
)
from engine.domain.plan import GateMode
from engine.domain.request import ChangeRequest
from engine.domain.scheduled_time import parse_scheduled_time
from engine.domain.status import reviewed_environment
from engine.domain.text import reason_text
from engine.domain.trace import trace_id
from engine.domain.waiver_parsing import parse_unwaive_request, parse_waive_request
from engine.ports import NO_PROGRESS
from engine.ports.webhooks import redeliver_failed
from engine.responses.change import ChangeResponse
from engine.responses.freeze import FreezeInput
from engine.responses.promotion import PromotionInput, PromotionResponse
from engine.responses.rollback import RollbackInput, RollbackResponse
from engine.responses.sync import SyncResponse
from engine.responses.webhooks import WebhooksResponse
from web.authentication import caller, must_operate, must_view
from web.concurrency_limit import limit_concurrency
from web.order_answers import (
    FACE,
    Answer,
    change_answer,
    decision_answer,
    judged,
    key_of_request,
    must_plan,
    parse_later,
    present_caller,
    run_once,
    submitted,
)
from web.pages import change_of
from web.request_models import (
    Acknowledgement,
    Lock,
    NewWaiver,
    Promotion,
    Reason,
    Redelivery,
    Release,
    Remark,
    Review,
    Rollback,
    Rotation,
    Schedule,
    Sync,
    WaiverSubject,
    reason_sent,
    sent,
)
from web.site import the_site

orders = Blueprint("orders", __name__, url_prefix="/api/v1")


@orders.before_request
def admit() -> None:
    """Require a bearer token: another site can make a browser send a cookie."""
    g.caller = caller()
    must_view()
    g.trace = trace_id(request.headers.get("traceparent"))


@orders.post("/promotions")
def promote() -> Answer:
    body = sent(Promotion)
    typed = PromotionInput(body.version, body.source, body.target, body.dry_run, g.trace)
    engine = the_site().platform.engine
    try:
        named = (body.version, body.source, body.target)
        wanted = parse_promotion_request(
            engine.path, *named, present_caller(), g.trace, body.overrides
        )
        at = parse_scheduled_time(body.at, engine.now()) if body.at is not None else None
        wanted = replace(wanted, scheduled_at=at)
        typed = replace(typed, version=str(wanted.version), source=wanted.source)
        if body.dry_run:
            must_plan(body.run_gates)
            with limit_concurrency("operation") if body.run_gates else nullcontext():
                mode = GateMode.RUN if body.run_gates else GateMode.LIST
                plan = engine.plan(wanted, NO_PROGRESS, mode)
            return judged(PromotionResponse.of_dry_run(typed, plan), plan.error)
        return submitted(wanted, partial(PromotionResponse.of_change, typed))
    except PromotionError as error:
        return judged(PromotionResponse.failed(typed, error), error)


@orders.post("/rollbacks")
def roll_back() -> Answer:
    body = sent(Rollback)
    typed = RollbackInput(body.version, body.environment, body.reason, body.dry_run, g.trace)
    engine = the_site().platform.engine
    try:
        wanted = parse_rollback_request(
            engine.path,
            body.version,
            body.environment,
            present_caller(),
            g.trace,
            typed.stated_reason,
            parse_incident(body.break_glass, body.incident),
            quarantine=body.quarantine,
        )
        if body.dry_run:
            must_plan()
            plan = engine.plan(wanted, NO_PROGRESS, GateMode.LIST)
            return judged(RollbackResponse.of_dry_run(typed, plan), plan.error)
        return submitted(wanted, partial(RollbackResponse.of_change, typed))
    except PromotionError as error:
        return judged(RollbackResponse.failed(typed, error), error)


@orders.post("/changes/<change_id>/approve")
def approve(change_id: str) -> Answer:
    change_of(change_id)
    changed = the_site().platform.changes.approve(change_id, present_caller(), FACE, reason_sent())
    the_site().platform.worker.wake()
    return change_answer(changed, ChangeResponse.of(changed))


@orders.post("/changes/<change_id>/reject")
def reject(change_id: str) -> Answer:
    change_of(change_id)
    reason = reason_text(sent(Reason).reason)
    changed = the_site().platform.changes.reject(change_id, present_caller(), reason, FACE)
    return decision_answer(changed, "rejected")


@orders.post("/changes/<change_id>/cancel")
def cancel(change_id: str) -> Answer:
    change_of(change_id)
    changed = the_site().platform.changes.cancel(change_id, present_caller(), FACE, reason_sent())
    return decision_answer(changed, "cancelled")


@orders.post("/changes/<change_id>/reschedule")
def reschedule(change_id: str) -> Answer:
    change_of(change_id)
    platform = the_site().platform
    at = parse_scheduled_time(sent(Schedule).at, platform.engine.now())
    changed = platform.changes.schedule.reschedule(change_id, present_caller(), at, FACE)
    return change_answer(changed, ChangeResponse.of(changed))


@orders.post("/environments/<name>/lock")
def lock(name: str) -> Answer:
    body = sent(Lock)
    typed = FreezeInput("lock", name, body.reason, g.trace)
    return run_once(typed, parse_later(parse_lock_request, name, body.reason, body.duration), body)


@orders.post("/environments/<name>/unlock")
def unlock(name: str) -> Answer:
    body = sent(Reason)
    typed = FreezeInput("unlock", name, body.reason, g.trace)
    return run_once(typed, parse_later(parse_unlock_request, name, body.reason), body)


@orders.post("/environments/<name>/restore")
def restore(name: str) -> Answer:
    body = sent(Remark) if request.content_length else Remark()
    typed = FreezeInput("restore", name, body.reason or "", g.trace)
    return run_once(typed, parse_later(parse_restore_request, name, body.reason), body)


@orders.post("/environments/<name>/acknowledge")
def acknowledge(name: str) -> Answer:
    body = sent(Acknowledgement)
    typed = FreezeInput("acknowledge", name, body.reason, g.trace, body.sequence)
    ask = parse_later(parse_acknowledge_request, name, body.sequence, body.reason)
    return run_once(typed, ask, body)


@orders.post("/environments/<name>/release")
def release(name: str) -> Answer:
    body = sent(Release)
    typed = FreezeInput("release", name, body.reason, g.trace, version=body.version)
    return run_once(
        typed, parse_later(parse_release_request, name, body.version, body.reason), body
    )


@orders.post("/environments/<name>/rotate")
def rotate(name: str) -> Answer:
    body = sent(Rotation)
    keys = body.keys
    typed = FreezeInput("rotate", name, body.reason or "", g.trace, None, *keys)
    return run_once(typed, parse_later(parse_rotate_request, name, *keys, body.reason), body)


@orders.post("/environments/<name>/unwaive")
def unwaive(name: str) -> Answer:
    body = sent(WaiverSubject)
    about = (body.vulnerability, body.package)
    typed = replace(
        FreezeInput("unwaive", name, body.reason, g.trace),
        vulnerability=body.vulnerability,
        package=body.package,
    )
    return run_once(typed, parse_later(parse_unwaive_request, name, *about, body.reason), body)


@orders.post("/waivers")
def waive() -> Answer:
    body = sent(NewWaiver)
    about = (body.vulnerability, body.package, body.until, body.reason)
    ask = parse_later(parse_waive_request, body.environment, *about)
    return submitted(cast(ChangeRequest, ask()), lambda change: change)


@orders.post("/reviews")
def review() -> Answer:
    body = sent(Review)
    name = reviewed_environment(the_site().platform.engine.status(), body.record)
    asked = (body.record, body.reason, body.accepted)
    typed = replace(
        FreezeInput("review", name, body.reason, g.trace), record=asked[0], accepted=asked[2]
    )
    return run_once(typed, parse_later(parse_review_request, name, *asked), body)


@orders.post("/webhooks")
def redeliver() -> Answer:
    """Redeliver a webhook and wait for the result; receivers recognize a repeated ID."""
    must_operate(present_caller(), "deliver webhooks again")
    wanted, _ = sent(Redelivery).redeliver, key_of_request()
    webhook_sender = the_site().platform.engine.webhooks
    again = redeliver_failed(webhook_sender, wanted)
    failed, waiting = webhook_sender.undelivered(), webhook_sender.waiting()
    return judged(WebhooksResponse.of(failed, waiting, again, g.trace))


@orders.post("/sync")
def sync() -> Answer:
    """Repair the secondaries, and wait for the result; a repetition changes nothing."""
    must_operate(present_caller(), "sync the secondary registries")
    wanted, _ = sent(Sync), key_of_request()
    with limit_concurrency("operation"):
        report = the_site().platform.engine.sync(
            wanted.environment, NO_PROGRESS, published=wanted.published
        )
    return judged(SyncResponse.of(report, g.trace), report.error)
