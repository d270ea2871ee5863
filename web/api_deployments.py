"""Takes reports about deployments from the systems that deploy, and shows them."""

import hashlib
import hmac
import json
import secrets

from flask import Blueprint, Response, g, jsonify, request

from engine.changes.deployment_events import record_rollout
from engine.domain.deployments import CLOCK_SKEW, Deployment, Report, rollout
from engine.domain.errors import UsageError
from engine.domain.state import EMPTY, EnvironmentState
from engine.responses.deployments import ReportedResponse, RolloutResponse
from web.authentication import (
    BEARER,
    UnauthenticatedError,
    admit_reader,
    caller,
    must_operate,
    must_view,
)
from web.deployment_events import read_report
from web.order_answers import key_of_request
from web.site import API, NoSuchPageError, Site, shared, the_site

_LARGEST_REPORT = 64 * 1024

reports = Blueprint("deployments", __name__, url_prefix=API)


class ReportTooLargeError(UsageError):
    """A report is larger than any system sends."""

    http_status = 413
    reason_code = "report_too_large"


class TooManyReportsError(UsageError):
    """Reports arrive faster than the server takes them."""

    http_status = 429
    reason_code = "too_many_reports"


@reports.get("/deployments")
def deployments() -> Response:
    """Return how far the artifact of each environment is deployed."""
    admit_reader()
    must_view()
    site = the_site()
    stored = site.platform.deployments.all()
    responses = (
        RolloutResponse.of(name, rollout(_state(site, name), found), found)
        for name in site.platform.engine.path.names
        for found in (stored.get(name, ()),)
    )
    return jsonify([each.document() for each in responses])


@reports.post("/deployments")
def report() -> tuple[Response, int]:
    """
    Store a report about an artifact that an environment runs.

    Late, repeated and foreign ones have no effect, and the answer says why.
    """
    body = _body()
    if not _is_signed(body):
        g.caller = caller()
        must_view()
        must_operate(g.caller, "report deployments")
    if not shared().reports.admit():
        raise TooManyReportsError("Reports arrive too fast: send this one again in a minute")
    key_of_request()
    site = the_site()
    now = site.platform.engine.now()
    found = read_report(_decoded(body), request.args, now)
    if found is None:
        return _answer((), "Events of this type say nothing about health")
    place, ignored = find_environment(site, found)
    if place is None:
        return _answer((), ignored)
    digest = _state(site, place).digest or ""
    deployment = Deployment(found.target, digest, found.health, found.at)
    if not site.platform.deployments.add(place, deployment, now):
        return _answer((), f"A report of {found.target} in {place} is as new, or newer")
    state = _state(site, place)
    summary = rollout(state, site.platform.deployments.of(place))
    if summary is not None:
        record_rollout(site.platform.store, place, state.record, summary)
    return _answer((place,), None)


def find_environment(site: Site, found: Report) -> tuple[str | None, str]:
    """
    Find the environment that runs an artifact of the report; None and the reason without one.

    UsageError if the report names no environment, and several run the artifact.
    """
    names = site.platform.engine.path.names
    if found.environment:
        if found.environment not in names:
            raise NoSuchPageError(
                f"There is no environment '{found.environment[:40]}'. "
                f"Environments: {', '.join(names)}"
            )
        names = (found.environment,)
    digests = set(map(str, found.digests))
    running = [name for name in names if _state(site, name).digest in digests]
    if not running:
        where = found.environment or "No environment"
        return None, f"{where} does not run this artifact now"
    if len(running) > 1:
        raise UsageError(
            f"{' and '.join(running)} run this artifact: name one, as ?env={running[-1]}"
        )
    since = _state(site, running[0]).since
    if since is not None and found.at < since - CLOCK_SKEW:
        return None, f"The report is older than the promotion to {running[0]}"
    return running[0], ""


def _state(site: Site, name: str) -> EnvironmentState:
    """The state by the server's copy of the ledger; empty if it was not read."""
    head = site.records.heads.get(name)
    return head.entry.state if head and head.entry and not head.distrust else EMPTY


def _body() -> bytes:
    if (request.content_length or 0) > _LARGEST_REPORT:
        raise ReportTooLargeError(f"A report has at most {_LARGEST_REPORT // 1024} KiB")
    return request.get_data()


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError("The report is not JSON") from error


def _is_signed(body: bytes) -> bool:
    """
    Return whether the report has a signature or token of `web.deployments`.

    UnauthenticatedError if it has neither, nor another token.
    """
    configured = shared().web.deployments
    if configured is None:
        return False
    secret = configured.secret_env.get_secret_value()
    made = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
    given = BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    token = given[1] if given else ""
    sent = ((request.headers.get("X-Signature", ""), made), (token, secret))
    if any([secrets.compare_digest(a.encode(), b.encode()) for a, b in sent]):
        return True
    if given is None:
        raise UnauthenticatedError(
            "Not authenticated: sign the report with the secret of web.deployments "
            "(X-Signature: sha256=…), or send it or an OIDC token as 'Authorization: Bearer …'"
        )
    return False


def _answer(accepted: tuple[str, ...], ignored: str | None) -> tuple[Response, int]:
    response = ReportedResponse(accepted=accepted, ignored=ignored)
    return jsonify(response.document()), 202 if accepted else 200
