"""What Slack sends has a shape that Bolt relies on: here it is looked at before Bolt does."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError


class _Named(BaseModel):
    """Whatever listeners are chosen by (https://docs.slack.dev/reference/interaction-payloads)."""

    type: str | None = None
    callback_id: str | None = None
    action_id: str | None = None
    block_id: str | None = None


class _Event(BaseModel):
    type: str
    subtype: str | None = None


class _Sent(_Named):
    command: str | None = None
    # These are there or they are not: Bolt does not expect null.
    actions: list[_Named] = Field([_Named()], min_length=1)
    event: _Event = _Event(type="")
    view: _Named | None = None


def illegible(body: Mapping[str, Any]) -> str | None:
    """The part of `body` that is not as Slack sends it; None when Bolt can read all of it."""
    try:
        _Sent.model_validate(body)
    except ValidationError as error:
        # Its place only: the value may be a secret.
        place = error.errors(include_input=False, include_url=False)[0]["loc"]
        return ".".join(map(str, place)) or "body"
    return None
