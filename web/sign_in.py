"""Sign in and out with an OpenID provider."""

import re
import secrets

from flask import Blueprint, redirect, render_template, request, session
from werkzeug.wrappers import Response

from engine.domain.errors import AuthorizationError
from web.authentication import keep, sign_out, visitor
from web.csrf import check_form
from web.oidc_client import Provider
from web.site import shared

_LASTS = 600
# A path on this site that no browser reads as another host.
_OWN_PLACE = re.compile(r"/(?![/\\])[A-Za-z0-9/_.~%?&=+:,-]{0,500}")

sign_in = Blueprint("sign_in", __name__)


@sign_in.get("/sign-in")
def offer() -> str | Response:
    """Show the sign-in page, or redirect visitors who are signed in."""
    place = _own_place(request.args.get("next", "/"))
    if visitor() is not None:
        return redirect(place if not place.startswith("/sign-in") else "/", 303)
    return render_template("sign_in.html", place=place)


@sign_in.get("/auth/start")
def start() -> Response:
    url, remembered = _provider().question()
    now = shared().now().timestamp()
    place = _own_place(request.args.get("next", "/"))
    session["signing_in"] = {**remembered, "next": place, "since": int(now)}
    return redirect(url, 303)


@sign_in.get("/auth/callback")
def callback() -> Response:
    now = shared().now().timestamp()
    asked = session.pop("signing_in", None)
    if not isinstance(asked, dict) or now - asked["since"] > _LASTS:
        raise AuthorizationError(
            "This sign-in is too old, or began in another browser: start again"
        )
    if not secrets.compare_digest(request.args.get("state", "").encode(), asked["state"].encode()):
        raise AuthorizationError("This answer belongs to another sign-in: start again")
    code = request.args.get("code", "")
    if not code or "error" in request.args:
        raise AuthorizationError(
            "The provider did not sign you in: start again, or ask its administrator"
        )
    token = _provider().id_token(code, asked["verifier"])
    keep(shared().entrance.signed_in(token, asked["nonce"]), now)
    return redirect(_own_place(asked["next"]), 303)


@sign_in.post("/sign-out")
def leave() -> Response:
    if visitor() is not None:
        check_form()
        sign_out()
    return redirect("/", 303)


def _provider() -> Provider:
    provider = shared().provider
    if provider is None:
        raise AuthorizationError("Sign-in is off: web.auth.mode is not oidc")
    return provider


def _own_place(place: str) -> str:
    return place if _OWN_PLACE.fullmatch(place) else "/"
