"""The reload of the product files, for operators."""

from flask import Blueprint, Response, jsonify, request

from engine.domain.errors import AuthorizationError
from engine.domain.operator import Operator
from engine.domain.product import UNNAMED
from engine.responses.reload import ReloadResponse
from web.authentication import UnauthenticatedError, caller, visitor
from web.csrf import check_form
from web.site import shared

reloading = Blueprint("reloading", __name__)


@reloading.post("/-/reload")
def reload() -> Response:
    """Read the server file and its product files again; see `Products.reload`."""
    operator, products = _operator(), shared().products
    # The server file decides where no product is open.
    names = {*products, *products.broken} or {UNNAMED}
    rights = [*map(shared().rights, names), *(each.engine.rights for each in products.values())]
    if not all(each.may_operate(operator) for each in rights):
        raise AuthorizationError(
            f"Unauthorized: '{operator.name}' may not reload: identity.operators does not list them"
        )
    found = products.reload()
    return jsonify(
        ReloadResponse(
            opened=found.opened,
            replaced=found.replaced,
            removed=found.removed,
            broken={name: str(error) for name, error in found.broken.items()},
            restart=found.restart,
        ).document()
    )


def _operator() -> Operator:
    """Return the holder of the bearer token, or the signed-in sender of a form of this page."""
    if "Authorization" in request.headers:
        return caller()
    person = visitor()
    if person is None:
        raise UnauthenticatedError("Sign in first, or send a token: nothing was done")
    check_form()
    return person
