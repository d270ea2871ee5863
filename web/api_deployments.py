"""Takes reports about deployments from the systems that deploy, and shows them."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence

from flask import Blueprint, Response, g, jsonify, request

from engine.audit.verdict import reason_to_distrust
from engine.changes.deployment_events import record_rollout
from engine.domain.deployments import CLOCK_SKEW, Deployment, Report, rollout
from engine.domain.errors import RegistryError, UsageError
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
    signed = _is_signed(body)
    if not signed and not _has_secret():
        g.caller = caller()
        must_view()
        must_operate(g.caller, "report deployments")
    if not shared().reports.admit():
        raise TooManyReportsError("Reports arrive too fast: send this one again in a minute")
    site = the_site()
    now = site.platform.engine.now()
    found = read_report(_decoded(body), request.args, now, needs_time=signed)
    if found is None:
        return _answer((), "Events of this type say nothing about health")
    running = find_environment(site, found)
    if isinstance(running, str):
        return _answer((), running)
    place, state = running
    deployment = Deployment(found.target, state.digest or "", found.health, found.at)
    if not site.platform.deployments.add(place, deployment, state.since or now):
        return _answer((), f"A report of {found.target} in {place} is as new, or newer")
    summary = rollout(state, site.platform.deployments.of(place))
    if summary is not None:
        record_rollout(site.platform.store, place, state.record, summary)
    return _answer((place,), None)


def find_environment(site: Site, found: Report) -> tuple[str, EnvironmentState] | str:
    """
    Find the environment that runs an artifact of the report, and its state; a reason without one.

    UsageError if the report names no environment, and several run the artifact; RegistryError if
    none is known to run it, and the ledger of one cannot be believed.
    """
    names = site.platform.engine.path.names
    if found.environment:
        if found.environment not in names:
            raise NoSuchPageError(
                f"There is no environment '{found.environment[:40]}'. "
                f"Environments: {', '.join(names)}"
            )
        names = (found.environment,)
    running = _running(site, names, found)
    if not running:
        # The promotion may be newer than the copy of the ledger.
        site.records.refresh()
        running = _running(site, names, found)
    if not running:
        _require_ledgers(site, names)
        where = f"{found.environment} does not run" if found.environment else "No environment runs"
        return f"{where} this artifact now"
    if len(running) > 1:
        places = [name for name, _ in running]
        raise UsageError(
            f"{' and '.join(places)} run this artifact: name one, as ?env={places[-1]}"
        )
    name, state = running[0]
    if state.since is not None and found.at < state.since - CLOCK_SKEW:
        return f"The report is older than the promotion to {name}"
    return name, state


def _require_ledgers(site: Site, names: Sequence[str]) -> None:
    for name in names:
        if reason := reason_to_distrust(site.records, name):
            raise RegistryError(reason)


def _running(site: Site, names: Sequence[str], found: Report) -> list[tuple[str, EnvironmentState]]:
    digests = set(map(str, found.digests))
    states = [(name, _state(site, name)) for name in names]
    return [(name, state) for name, state in states if state.digest in digests]


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


def _secret() -> str | None:
    configured = shared().web.deployments
    return configured.secret_env.get_secret_value() if configured else None


def _is_signed(body: bytes) -> bool:
    """Return whether the body is signed with the secret of `web.deployments`."""
    secret = _secret()
    if secret is None:
        return False
    made = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
    return _same(request.headers.get("X-Signature", ""), made)


def _has_secret() -> bool:
    """
    Return whether the bearer token is the secret of `web.deployments`.

    UnauthenticatedError if there is a secret, and no token.
    """
    secret = _secret()
    if secret is None:
        return False
    given = BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    if given is None:
        raise UnauthenticatedError(
            "Not authenticated: sign the report with the secret of web.deployments "
            "(X-Signature: sha256=…), or send it or an OIDC token as 'Authorization: Bearer …'"
        )
    return _same(given[1], secret)


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


def _answer(accepted: tuple[str, ...], ignored: str | None) -> tuple[Response, int]:
    response = ReportedResponse(accepted=accepted, ignored=ignored)
    return jsonify(response.document()), 202 if accepted else 200
