"""A follow token: lets a requester read a change for longer than their OIDC token."""

from flask import Response
from itsdangerous import BadData, URLSafeTimedSerializer

from web.site import shared

HEADER = "Floe-Ticket"
_SECONDS = 7 * 24 * 3600


def with_ticket(answer: Response, change_id: str) -> Response:
    """Add a follow token for this one change to `answer`."""
    answer.headers[HEADER] = str(_signer().dumps(change_id))
    return answer


def admits(ticket: str | None, change_id: str) -> bool:
    """Return whether `ticket` is valid for this change and not expired."""
    try:
        held: object = _signer().loads(ticket or "", max_age=_SECONDS)
    except BadData:
        return False
    return held == change_id


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(shared().secret, salt="floe.ticket")
