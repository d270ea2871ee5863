"""A ticket: whoever asked for a change may follow it, for longer than their token holds."""

from flask import Response
from itsdangerous import BadData, URLSafeTimedSerializer

from web.site import the_site

HEADER = "Floe-Ticket"
_SECONDS = 7 * 24 * 3600


def with_ticket(answer: Response, change_id: str) -> Response:
    """`answer`, with the right to read this one change."""
    answer.headers[HEADER] = str(_signer().dumps(change_id))
    return answer


def admits(ticket: str | None, change_id: str) -> bool:
    """Whether `ticket` was given out here, for this change, and lately."""
    try:
        held: object = _signer().loads(ticket or "", max_age=_SECONDS)
    except BadData:
        return False
    return held == change_id


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(the_site().secret, salt="floe.ticket")
