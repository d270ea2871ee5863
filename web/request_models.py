"""The bodies of API requests: JSON objects without unknown fields."""

import json
from typing import Annotated, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.bootstrap.keys import parse_key_reference, parse_public_key
from engine.domain.errors import UsageError
from engine.domain.overrides import Overrides
from engine.domain.public_key import KeyReference, PublicKey
from engine.domain.text import printable, reason_text

Text = Annotated[str, Field(max_length=4000)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class Promotion(Body):
    """
    A promotion. `from` defaults to the environment before `to`. `allow_older` and
    `override_rollback` need a `reason`.
    """

    version: Text = Field(examples=["v1.2.3"])
    source: Text | None = Field(default=None, alias="from", examples=["dev"])
    target: Text = Field(alias="to", examples=["staging"])
    allow_older: bool = False
    override_rollback: bool = False
    reason: Text = ""
    dry_run: bool = False
    run_gates: bool = False

    @property
    def overrides(self) -> Overrides:
        return Overrides(self.allow_older, self.override_rollback, self.reason)


class Rollback(Body):
    version: Text
    environment: Text
    reason: Text = Field(default="", description="required, except in a dry run")
    dry_run: bool = False


class Reason(Body):
    reason: Text


class Remark(Body):
    """An optional reason."""

    reason: Text | None = None


class Lock(Body):
    """Without `for` the lock holds until it is unlocked."""

    reason: Text
    duration: Text | None = Field(default=None, alias="for", examples=["2h"])


class Acknowledgement(Body):
    reason: Text
    sequence: int = Field(ge=1, description="number whose content does not count", examples=[3])


class Rotation(Body):
    """Without `reason`: no reason is recorded."""

    add: tuple[Text, ...] = Field(default=(), description="public keys in PEM to trust")
    retire: tuple[Text, ...] = Field(
        default=(),
        description="IDs, or PEM, of keys to trust no longer",
        examples=[["sha256:9f86d081…"]],
    )
    reason: Text | None = None

    @property
    def keys(self) -> tuple[tuple[PublicKey, ...], tuple[KeyReference, ...]]:
        """The keys to add and to retire; UsageError for text that is no key."""
        return (
            tuple(parse_public_key(each.encode(), "a key in add") for each in self.add),
            tuple(parse_key_reference(each, "a key in retire") for each in self.retire),
        )


class Redelivery(Body):
    redeliver: Text = Field(description="ID of a failed delivery, or all", examples=["all"])


class Sync(Body):
    """Without `environment`: all environments."""

    environment: Text | None = None


Kind = TypeVar("Kind", bound=Body)


def sent(kind: type[Kind]) -> Kind:
    """Parse the body; UsageError names each invalid field and its problem."""
    if request.mimetype != "application/json":
        raise UsageError("Send a JSON object, as 'Content-Type: application/json'")
    content = request.get_data()
    try:
        body = kind.model_validate_json(content)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg'].lower()}"
            for each in error.errors(include_url=False, include_input=False)
        ]
        raise UsageError(printable("; ".join(problems)), {"problems": problems}) from error
    json.loads(content, object_pairs_hook=_once_each)
    return body


def reason_sent() -> str | None:
    """Return the optional reason of a command that needs no body."""
    reason = sent(Remark).reason if request.content_length else None
    return None if reason is None else reason_text(reason)


def _once_each(fields: list[tuple[str, object]]) -> None:
    """Refuse duplicate fields: RFC 8259 does not define which one counts."""
    seen: set[str] = set()
    for name, _ in fields:
        if name in seen:
            raise UsageError(f"{printable(name)} appears twice: send it once")
        seen.add(name)
