"""The blueprint of the pages of a product, and who may see them."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from web.authentication import may_look, must_view

pages = Blueprint("pages", __name__)


@pages.before_request
def admit() -> AnyResponse | None:
    """Redirect visitors who must sign in first."""
    if may_look():
        must_view()
        return None
    return redirect(url_for("sign_in.offer", next=request.full_path.rstrip("?")), 303)
