"""Protection against cross-site request forgery."""

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from flask import request, session

from engine.domain.errors import PromotionError
from web.authentication import visitor
from web.site import shared

FIELD = "csrf"


class ForgedRequestError(PromotionError):
    """The request does not come from a form of this page."""

    reason_code = "forged"
    http_status = 403


def form_token() -> str:
    """Return the form token, which is bound to the session and the person."""
    if "form" not in session:
        session["form"] = secrets.token_urlsafe(24)
    return _token(session["form"])


def check_form() -> None:
    """Raise ForgedRequestError unless the form token belongs to this session and person."""
    key = session.get("form")
    given = request.form.get(FIELD, "")
    if not isinstance(key, str) or not hmac.compare_digest(_token(key).encode(), given.encode()):
        raise ForgedRequestError(
            "This form is too old, or not from this page: nothing was done. Reload the page and "
            "try again"
        )
    if not _from_here():
        raise ForgedRequestError("Another site sent this request: nothing was done")


def _token(key: str) -> str:
    who = visitor()
    bound = f"{key} {who.id if who else ''}".encode()
    return hmac.new(shared().secret, bound, hashlib.sha256).hexdigest()


def _from_here() -> bool:
    """Return whether the browser names this site as the origin; old browsers name none."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    own = {request.host, urlsplit(shared().web.base_url or "").netloc}
    return urlsplit(origin).netloc in own - {""}
