"""Promote and roll back on the page: a form, a preview of its effect, and the request."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from engine.domain.errors import (
    AuthorizationError,
    ConflictError,
    PromotionError,
    RegistryError,
    VersionNotPromotedError,
)
from engine.domain.operator import Operator
from engine.domain.overrides import Overrides
from engine.domain.parsing import (
    parse_incident,
    parse_promotion_request,
    parse_rollback_request,
)
from engine.domain.plan import GateMode, Plan
from engine.domain.release_errors import HOLDING
from engine.domain.request import PromotionRequest, RollbackRequest
from engine.domain.scheduled_time import parse_scheduled_time
from engine.domain.trace import trace_id
from engine.domain.versions import Presence
from engine.ports import NO_PROGRESS
from web.authentication import visitor
from web.concurrency_limit import Kind, limit_concurrency
from web.form_actions import FACE, only_people
from web.page_blueprint import admit
from web.refusal_texts import explain_right
from web.request_preview import EXCEPTIONS, Preview, artifact_of, offered_exceptions
from web.site import NoSuchPageError, Site, the_site

_PENDING = "no reason yet"
_LISTED = 100
_SEARCHED = 2000
_PATIENCE_SECONDS = 2.0
# The fields that travel in an address, back to a form that was refused, and their length there.
_FIELDS, _KEPT = ("version", "incident", "at", "reason", *EXCEPTIONS), 500
_PATH = "/environments/<name>/<any(promote, rollback):verb>"

change_requests = Blueprint("change_requests", __name__)


@change_requests.before_request
def guard() -> AnyResponse | None:
    """Admit readers to the forms, and signed-in people with a form token to the request."""
    if request.method == "POST":
        only_people()
        return None
    return admit()


@change_requests.get(_PATH)
def show(name: str, verb: str) -> Response:
    """
    Show the form, and the preview of the `version` in the address.

    The address of a preview is stable, also with `incident` and `reason`.
    """
    site, given = the_site(), request.args
    person = _must_promote(site, name, verb)
    preview, problem = None, None
    if given.get("version"):
        try:
            preview = _preview(site, name, verb, person, given)
        except PromotionError as error:
            problem = error
    versions, newest = _candidates(site, name, verb)
    seen = site.board.look()
    page = render_template(
        "change_request.html",
        name=name,
        verb=verb,
        given=given,
        preview=preview,
        problem=problem,
        versions=versions,
        newest=newest,
        rules=site.platform.engine.path.environment(name),
        status=seen.row(name),
        pending=seen.pending_to(name),
        key=secrets.token_urlsafe(16),
        now=site.platform.engine.now(),
    )
    return Response(page, problem.http_status if problem else 200)


@change_requests.post(_PATH)
def submit(name: str, verb: str) -> AnyResponse:
    """Submit the request of a preview once, if its environment still runs the previewed version."""
    site, given, person = the_site(), request.form, visitor()
    if person is None:
        raise AuthorizationError("Sign in first: nothing was done")
    try:
        place = _submit(site, _environment(site, name), verb, person, given)
    except PromotionError as error:
        flash(str(error)[:600], "bad")
        kept = {key: given[key][:_KEPT] for key in _FIELDS if given.get(key)}
        place = f"{url_for('change_requests.show', name=name, verb=verb)}?{urlencode(kept)}"
    site.platform.worker.wake()
    site.board.expire()
    return redirect(place, 303)


def _submit(site: Site, name: str, verb: str, person: Operator, given: MultiDict[str, str]) -> str:
    platform, now = site.platform, site.platform.engine.now()
    form = f"form:{person.id} {given.get('key', '')[:64]}"
    # Looked up first: the request itself moves the environment that its preview showed.
    if place := _known(site, form):
        return place
    wanted = _parse(site, name, verb, person, given, given.get("reason", ""))
    blocked = platform.may_promote(person, name).blocks
    if not blocked:
        # Previews that wait for a slow registry must not hold up a rollback.
        plan = _plan(site, wanted, "request")
        if moved := _outdated(site, plan, given):
            # Two clicks may overlap, and the first one may be carried out already.
            if place := _known(site, form):
                return place
            raise ConflictError(f"{moved}. Nothing was done: look at it again")
        blocked = bool(plan.blockers)
    change = platform.changes.submit(wanted, FACE, form, {"quiet": True} if blocked else {})
    platform.store.remember(form, {"change": change.id}, now)
    if change.trace_id == wanted.trace_id:
        flash(f"You requested {change.version} for {change.target}", "good")
    else:
        flash(
            f"Nothing new was started: {change.requester.name} requested {change.version} for "
            f"{change.target} before, and it is still open",
            "info",
        )
    return url_for("pages.change", change_id=change.id)


def _known(site: Site, form: str) -> str | None:
    """Return the page of the change that the form requested before."""
    known = site.platform.store.recall(form)
    return None if known is None else url_for("pages.change", change_id=str(known["change"]))


def _outdated(site: Site, plan: Plan, given: Mapping[str, str]) -> str:
    """Name a difference to the preview; empty without one."""
    if moved := plan.moved_since(given.get("running", "")):
        return moved
    if given.get("artifact", "") != artifact_of(plan):
        return f"{given['version']} is another artifact now than the one you saw"
    if given.get("rules", "") != _rules(site, plan.request.target):
        return f"The rules of '{plan.request.target}' have changed since you saw them"
    return ""


def _rules(site: Site, name: str) -> str:
    return site.platform.changes.configuration(name)


def _environment(site: Site, name: str) -> str:
    if name not in site.platform.engine.path.names:
        raise NoSuchPageError(f"Environment '{name}' does not exist")
    return name


def _must_promote(site: Site, name: str, verb: str) -> Operator:
    """Return the visitor; an error says why they may not, and who may."""
    person, name = visitor(), _environment(site, name)
    if person is None:
        option = "--to" if verb == "promote" else "--env"
        raise AuthorizationError(
            "This page is read-only, because no sign-in is configured. Run: floe platform "
            f"{verb} VERSION {option} {name}"
        )
    right = site.platform.may_promote(person, name)
    if right.blocks:
        action = f"promote to {name}" if verb == "promote" else f"roll {name} back"
        raise AuthorizationError(explain_right(right, person, action))
    return person


def _parse(
    site: Site, name: str, verb: str, person: Operator, given: Mapping[str, str], reason: str
) -> PromotionRequest | RollbackRequest:
    engine, trace = site.platform.engine, trace_id(request.headers.get("traceparent"))
    version, said = given.get("version", "").strip(), given.get("incident", "").strip()
    incident = parse_incident(bool(said), said)
    if verb == "rollback":
        return parse_rollback_request(engine.path, version, name, person, trace, reason, incident)
    older, rolled_back = (given.get(field) == "yes" for field in EXCEPTIONS)
    asked = older or rolled_back or incident
    overrides = Overrides(older, rolled_back, reason if asked else "", incident)
    wanted = parse_promotion_request(engine.path, version, None, name, person, trace, overrides)
    at = given.get("at", "").strip()
    return replace(wanted, scheduled_at=parse_scheduled_time(at, engine.now()) if at else None)


def _preview(
    site: Site, name: str, verb: str, person: Operator, given: Mapping[str, str]
) -> Preview:
    asked = {key: value for key, value in given.items() if key != "at"}
    wanted = _parse(site, name, verb, person, asked, _PENDING)
    plan = _plan(site, wanted, "preview")
    held = all(each.error and issubclass(each.error, HOLDING) for each in plan.blockers)
    rules = site.platform.engine.path.environment(name).break_glass
    breakable = bool(plan.blockers) and held and rules is not None
    offered = offered_exceptions(plan, lambda: site.platform.may_override(person, name))
    return Preview(plan, breakable, _rules(site, name), offered)


def _plan(site: Site, wanted: PromotionRequest | RollbackRequest, kind: Kind) -> Plan:
    with limit_concurrency(kind):
        return site.platform.engine.plan(wanted, NO_PROGRESS, GateMode.LIST)


def _candidates(site: Site, name: str, verb: str) -> tuple[tuple[str, ...], str | None]:
    """Return the newest versions that can go there, and the one to propose."""
    versions = site.platform.engine.versions
    try:
        rows = versions.search("", _SEARCHED, _PATIENCE_SECONDS)
    except RegistryError:
        rows = ()
    if verb == "promote":
        found = tuple(row.version for row in rows if name in row.promotable_to)[:_LISTED]
        return found, next(iter(found), None)
    was = {(row.version, each.environment): each.presence for row in rows for each in row.places}
    found = tuple(row.version for row in rows if was[row.version, name] is Presence.WAS)[:_LISTED]
    try:
        return found, versions.before(name)
    except (RegistryError, VersionNotPromotedError):
        return found, next(iter(found), None)
