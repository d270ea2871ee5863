"""The first page of a server with several products: a table of products and environments."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from engine.domain.change import Change
from engine.domain.errors import StoreUnavailableError
from web.authentication import (
    UnauthenticatedError,
    may_look,
    visible_broken,
    visible_sites,
    visitor,
)
from web.csrf import check_form
from web.product_rows import (
    View,
    columns,
    groups,
    product_rows,
    reasons,
    waiting_for,
)
from web.site import NoSuchPageError, shared

_REASONS = 20

matrix = Blueprint("matrix", __name__)


@matrix.before_request
def admit_visitor() -> Response | None:
    """Redirect visitors who must sign in first."""
    if may_look():
        return None
    return redirect(url_for("sign_in.offer", next=request.full_path.rstrip("?")), 303)


@matrix.get("/")
def overview() -> str:
    server, person, view = shared(), visitor(), View.of(request.args)
    pending, trouble = _pending()
    rows = product_rows(pending, _favourites(), server.now())
    shown = [row for row in rows if view.shows(row)]
    return render_template(
        "products.html",
        view=view,
        rows=rows,
        groups=groups(shown, view),
        columns=columns(),
        waiting_for_me=waiting_for(pending, person),
        reasons=reasons(rows)[:_REASONS],
        trouble=trouble,
        now=server.now(),
    )


@matrix.get("/changes/<change_id>")
def change(change_id: str) -> Response:
    """Redirect to the page of a change, which may be known without its product."""
    found = shared().products.store.get(change_id)
    if found is None or found.product not in visible_sites():
        raise NoSuchPageError(f"Change '{change_id}' does not exist")
    return redirect(url_for("pages.change", product=found.product, change_id=change_id), 303)


@matrix.post("/favourites")
def favourite() -> Response:
    """Add a product to the visitor's favourites, or remove it."""
    server, person, name = shared(), visitor(), request.form.get("favourite", "")
    if person is None:
        raise UnauthenticatedError("Sign in first: favourites are kept for each person")
    check_form()
    if name not in visible_sites() and name not in visible_broken():
        raise NoSuchPageError(f"Product '{name}' does not exist")
    server.favourites.toggle(person.id, name)
    return redirect(url_for("matrix.overview", **View.of(request.args).query), 303)


def _pending() -> tuple[tuple[Change, ...], StoreUnavailableError | None]:
    """Return the open changes of all products, and why they are not known."""
    try:
        return shared().products.store.open(), None
    except StoreUnavailableError as error:
        return (), error


def _favourites() -> frozenset[str]:
    person = visitor()
    if person is None or not may_look():
        return frozenset()
    try:
        return shared().favourites.of(person.id)
    except StoreUnavailableError:
        return frozenset()
