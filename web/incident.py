"""The page for an incident: recent changes of all products, their locks, and a form to lock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from engine.domain.change import Change
from engine.domain.errors import PromotionError, UsageError
from engine.domain.product import split_place
from engine.domain.record import PromotionRecord
from web.authentication import UnauthenticatedError, may_look, visible_sites, visitor
from web.csrf import check_form
from web.lock_many import lock_many
from web.recent_changes import Recent, environments, locks, recent_changes, snapshots
from web.site import shared

HOURS = (1, 6, 24)
_USUAL = 6
# Messages travel in a cookie of 4 KB.
_LONGEST, _LISTED = 900, 20

incident = Blueprint("incident", __name__, url_prefix="/incident")


@dataclass(frozen=True)
class View:
    """The parameters of the page: how many hours it looks back, and an environment or None."""

    hours: int = _USUAL
    environment: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "View":
        """Read the parameters; the usual ones instead of unknown ones."""
        hours = next((each for each in HOURS if str(each) == given.get("hours")), _USUAL)
        named = given.get("environment")
        return cls(hours, named if named in environments() else None)

    @property
    def query(self) -> dict[str, Any]:
        """The parameters, without those that have their usual value."""
        found: dict[str, Any] = {"hours": self.hours} if self.hours != _USUAL else {}
        return found | ({"environment": self.environment} if self.environment else {})


@incident.before_request
def admit_visitor() -> Response | None:
    """Redirect visitors who must sign in first."""
    if may_look():
        return None
    return redirect(url_for("sign_in.offer", next=request.full_path.rstrip("?")), 303)


@incident.get("")
def show() -> str:
    server, view = shared(), View.of(request.args)
    now, seen = server.now(), snapshots()
    recent: tuple[Recent, ...] | None = None
    moving: tuple[Change, ...] = ()
    errors: list[PromotionError] = []
    try:
        recent = recent_changes(seen, now - timedelta(hours=view.hours), view.environment)
    except PromotionError as error:
        errors.append(error)
    try:
        moving = _moving(view.environment)
    except PromotionError as error:
        errors.append(error)
    return render_template(
        "incident.html",
        view=view,
        hours=HOURS,
        recent=recent,
        moving=moving,
        locks=locks(seen, view.environment),
        errors=tuple(dict.fromkeys(map(str, errors))),
        unread=tuple(name for name, status in seen.items() if status.error),
        names=tuple(visible_sites()),
        places=environments(),
        page_of=_page_of,
        rollback_of=_rollback_of,
        change_page=_change_page,
        now=now,
    )


@incident.post("/lock")
def lock() -> Response:
    """Lock one environment or all, of one product or of all; a button of a row names one place."""
    person, given = visitor(), request.form
    if person is None:
        raise UnauthenticatedError("Sign in first: nothing was locked")
    check_form()
    duration = given.get("for", "").strip() or None
    try:
        product, environment = _chosen(given)
        done = lock_many(person, product, environment, given.get("reason", ""), duration)
    except PromotionError as error:
        flash(str(error)[:_LONGEST], "bad")
    else:
        if done.locked:
            flash(f"Locked: {_listed(done.locked)}"[:_LONGEST], "good")
        if done.failed:
            flash(f"Not locked: {'; '.join(done.failed)}"[:_LONGEST], "bad")
        if done.unknown:
            why = "The registry is slow. Look below whether these are locked, or try again"
            flash(f"{why}: {_listed(done.unknown)}"[:_LONGEST], "warn")
    return redirect(url_for("incident.show", **View.of(request.args).query), 303)


def _chosen(given: Mapping[str, str]) -> tuple[str, str]:
    """Return the product and the environment of a form; empty means all of them."""
    if place := given.get("place"):
        return split_place(place)
    if "environment" not in given:
        raise UsageError("Choose an environment: nothing was locked")
    return given.get("product", ""), given["environment"]


def _listed(places: tuple[str, ...]) -> str:
    more = len(places) - _LISTED
    return ", ".join(places[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _page_of(product: str, environment: str) -> str:
    return url_for("pages.environment", **_named(product), name=environment)


def _rollback_of(recent: Recent) -> str:
    """Return the address of the preview of a rollback, or of the form, which proposes a version."""
    named = _named(recent.product)
    # A rollback left its version because that was broken.
    if recent.before and isinstance(recent.record, PromotionRecord):
        named["version"] = recent.before
    return url_for("change_requests.show", name=recent.environment, verb="rollback", **named)


def _change_page(product: str, change_id: str) -> str:
    return url_for("pages.change", **_named(product), change_id=change_id)


def _named(product: str) -> dict[str, Any]:
    return {"product": product} if product else {}


def _moving(environment: str | None) -> tuple[Change, ...]:
    """List the open changes of visible products, the newest first."""
    visible = visible_sites()
    return tuple(
        each
        for each in reversed(shared().products.store.open())
        if each.product in visible and environment in (None, each.target)
    )
