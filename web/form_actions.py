"""Form actions of signed-in people: approve, reject, cancel, lock, redeliver."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from engine.domain.errors import DeliveryNotFoundError, PromotionError
from engine.domain.operator import Operator
from engine.domain.parsing import (
    parse_lock_request,
    parse_restore_request,
    parse_review_request,
    parse_unlock_request,
)
from engine.domain.request import LockRequest, RestoreRequest, ReviewRequest, UnlockRequest
from engine.domain.scheduled_time import parse_scheduled_time
from engine.domain.text import reason_text
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS
from web.authentication import UnauthenticatedError, must_operate, must_view, visitor
from web.csrf import check_form
from web.pages import change_of
from web.site import the_site

FACE = "web"

deeds = Blueprint("deeds", __name__)


@deeds.before_request
def only_people() -> None:
    if visitor() is None:
        raise UnauthenticatedError("Sign in first: nothing was done")
    check_form()
    must_view()


@deeds.post("/changes/<change_id>/approve")
def approve(change_id: str) -> Response:
    site, change = the_site(), change_of(change_id)
    done = f"You approved {change.version} for {change.target}"
    return _done(change_id, done, lambda who: site.platform.changes.approve(change_id, who, FACE))


@deeds.post("/changes/<change_id>/reject")
def reject(change_id: str) -> Response:
    site, change = the_site(), change_of(change_id)

    def act(who: Operator) -> None:
        reason = reason_text(request.form.get("reason", ""))
        site.platform.changes.reject(change_id, who, reason, FACE)

    return _done(change_id, f"You rejected {change.version} for {change.target}", act)


@deeds.post("/changes/<change_id>/cancel")
def cancel(change_id: str) -> Response:
    site, change = the_site(), change_of(change_id)
    done = f"You cancelled {change.version} for {change.target}"
    return _done(change_id, done, lambda who: site.platform.changes.cancel(change_id, who, FACE))


@deeds.post("/changes/<change_id>/reschedule")
def reschedule(change_id: str) -> Response:
    site, change = the_site(), change_of(change_id)

    def act(who: Operator) -> None:
        at = parse_scheduled_time(request.form.get("at", ""), site.platform.engine.now())
        site.platform.changes.schedule.reschedule(change_id, who, at, FACE)

    return _done(change_id, f"You moved {change.version} for {change.target} to another time", act)


@deeds.post("/environments/<name>/lock")
def lock(name: str) -> Response:
    duration = request.form.get("for", "").strip() or None

    def ask(who: Operator) -> LockRequest:
        path, reason = the_site().platform.engine.path, request.form.get("reason", "")
        return parse_lock_request(path, name, who, _trace(), reason, duration)

    return _frozen(name, f"{name} is now locked", ask)


@deeds.post("/environments/<name>/unlock")
def unlock(name: str) -> Response:
    def ask(who: Operator) -> UnlockRequest:
        path, reason = the_site().platform.engine.path, request.form.get("reason", "")
        return parse_unlock_request(path, name, who, _trace(), reason)

    return _frozen(name, f"{name} is now unlocked", ask)


@deeds.post("/environments/<name>/restore")
def restore(name: str) -> Response:
    def ask(who: Operator) -> RestoreRequest:
        path, reason = the_site().platform.engine.path, request.form.get("reason", "").strip()
        return parse_restore_request(path, name, who, _trace(), reason or None)

    return _frozen(name, f"latest-{name} points to the version of the ledger again", ask)


@deeds.post("/environments/<name>/review/<record>")
def review(name: str, record: str) -> Response:
    accepted, reason = request.form.get("verdict") == "accept", request.form.get("reason", "")

    def ask(who: Operator) -> ReviewRequest:
        path = the_site().platform.engine.path
        return parse_review_request(path, name, who, _trace(), record, reason, accepted)

    return _frozen(name, "The break-glass is reviewed", ask)


@deeds.post("/webhooks/<delivery_id>/redeliver")
def redeliver(delivery_id: str) -> Response:
    """Mark one delivery or `all` as due; the outbox delivers, so a slow receiver delays no page."""
    webhook_sender = the_site().platform.engine.webhooks

    def act(who: Operator) -> None:
        must_operate(who, "deliver webhooks again")
        failed = [each.delivery.id for each in webhook_sender.undelivered() if each.to]
        again = map(webhook_sender.redeliver, failed if delivery_id == "all" else [delivery_id])
        if not any(list(again)):
            raise DeliveryNotFoundError(
                f"Delivery '{delivery_id}' is not in the failed list: it was delivered, or "
                "never failed"
            )

    done = "All webhooks are" if delivery_id == "all" else "The webhook is"
    return _attempted(url_for("pages.audit"), f"{done} being delivered again", act)


def _frozen(
    name: str,
    done: str,
    ask: Callable[[Operator], LockRequest | UnlockRequest | RestoreRequest | ReviewRequest],
) -> Response:
    site = the_site()
    place = url_for("pages.environment", name=site.platform.engine.path.environment(name).name)

    def act(who: Operator) -> None:
        result = site.platform.engine.run(ask(who), NO_PROGRESS)
        if result.error is not None:
            raise result.error

    return _attempted(place, done, act)


def _done(change_id: str, done: str, act: Callable[[Operator], object]) -> Response:
    return _attempted(url_for("pages.change", change_id=change_id), done, act)


def _attempted(place: str, done: str, act: Callable[[Operator], object]) -> Response:
    """Run the action, and redirect to the page with its result: a reload repeats nothing."""
    site, person = the_site(), visitor()
    try:
        if person is None:
            raise UnauthenticatedError("Sign in first: nothing was done")
        act(person)
        flash(done, "good")
    except PromotionError as error:
        # The message travels in a cookie of 4 KB.
        flash(str(error)[:600], "bad")
    site.platform.worker.wake()
    site.board.expire()
    site.records.wake()
    return redirect(place, 303)


def _trace() -> str:
    return trace_id(request.headers.get("traceparent"))
