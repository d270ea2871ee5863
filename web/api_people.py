"""How people sign in on the command line, and who the caller is."""

from flask import Blueprint, Response, g, jsonify, request

from engine.bootstrap.sign_in import issuers_of_people
from engine.domain.trace import trace_id
from engine.platform import approvable, promotable
from engine.responses.whoami import (
    IssuerResponse,
    RightsResponse,
    SignInResponse,
    WhoamiResponse,
)
from web.authentication import admit_reader, visible_sites, visitor
from web.site import API, shared

people = Blueprint("people", __name__, url_prefix=API)


@people.get("/sign-in")
def providers() -> Response:
    """Name the providers and their public clients; this needs no token."""
    server = shared()
    found = issuers_of_people(server.products.people.identity.oidc, server.web)
    issuers = tuple(IssuerResponse(issuer=each.issuer, client_id=each.audience) for each in found)
    return jsonify(SignInResponse(issuers=issuers).document())


@people.get("/whoami")
def whoami() -> Response:
    """Return the operator of a token or a session, if any, and their rights in visible products."""
    admit_reader()
    trace = trace_id(request.headers.get("traceparent"))
    operator = g.get("caller") or visitor()
    if operator is None:
        return jsonify(WhoamiResponse.build(success=True, rights=(), trace_id=trace).document())
    rights = [
        RightsResponse(
            product=site.platform.product or None,
            promote=promotable(site.platform.engine, operator),
            approve=approvable(site.platform.engine, operator),
        )
        for site in visible_sites().values()
    ]
    return jsonify(WhoamiResponse.of(operator, rights, trace).document())
