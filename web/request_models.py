"""The bodies of API requests: JSON objects without unknown fields."""

import json
from typing import Annotated, Literal, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.bootstrap.keys import parse_key_reference, parse_public_key
from engine.domain.errors import UsageError
from engine.domain.overrides import Overrides
from engine.domain.parsing import parse_incident
from engine.domain.public_key import KeyReference, PublicKey
from engine.domain.text import printable, reason_text

Text = Annotated[str, Field(max_length=4000)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class Promotion(Body):
    """
    A promotion. `from` defaults to the environment before `to`. `allow_older` and
    `override_rollback` need a `reason`, and `break_glass` needs an `incident` too.
    """

    version: Text = Field(examples=["v1.2.3"])
    source: Text | None = Field(default=None, alias="from", examples=["dev"])
    target: Text = Field(alias="to", examples=["staging"])
    allow_older: bool = False
    override_rollback: bool = False
    break_glass: bool = Field(default=False, description="skip rules for an incident")
    incident: Text = Field(default="", examples=["INC-42"])
    reason: Text = ""
    at: Text | None = Field(default=None, examples=["2026-12-01T09:00[Europe/Berlin]"])
    dry_run: bool = False
    run_gates: bool = False

    @property
    def overrides(self) -> Overrides:
        incident = parse_incident(self.break_glass, self.incident)
        return Overrides(self.allow_older, self.override_rollback, self.reason, incident)


class Review(Body):
    """The review of a break-glass; `accepted` is false for an objection."""

    record: Text
    reason: Text
    accepted: bool = True


class Schedule(Body):
    at: Text = Field(examples=["2026-12-01T09:00[Europe/Berlin]"])


class Rollback(Body):
    version: Text
    environment: Text
    break_glass: bool = Field(default=False, description="skip rules for an incident")
    incident: Text = Field(default="", examples=["INC-42"])
    reason: Text = Field(default="", description="required, except in a dry run")
    dry_run: bool = False
    quarantine: bool = Field(default=True, description="whether the version that is left is held")


class Release(Body):
    version: Text
    reason: Text


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


class WaiverSubject(Body):
    """The end of a waiver. Without `package`: the only waiver of the vulnerability."""

    vulnerability: Text = Field(examples=["CVE-2026-1"])
    package: Text | None = Field(default=None, examples=["pkg:deb/debian/openssl"])
    reason: Text


class NewWaiver(WaiverSubject):
    """A waiver. Without `package` it applies to every package."""

    environment: Text
    until: Text = Field(examples=["2026-12-24", "2026-12-24T18:00[Europe/Berlin]"])


class Redelivery(Body):
    redeliver: Text = Field(description="ID of a failed delivery, or all", examples=["all"])


class Sync(Body):
    """Without `environment`: all environments. `published`: also versions without a record."""

    environment: Text | None = None
    published: bool = False


class DeploymentReport(Body):
    """The health of an artifact on one target; its `digest`, or `images` with digests."""

    target: str = Field(pattern=r"^[A-Za-z0-9_./@:-]{1,128}$", examples=["eu-1"])
    health: Literal[
        "progressing",
        "healthy",
        "failed",
        "Healthy",
        "Progressing",
        "Suspended",
        "Unknown",
        "Degraded",
        "Missing",
    ] = Field(description="in the words of floe, or of Argo CD")
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    images: list[Text] = Field(default=[], max_length=50, examples=[["acme/app@sha256:…"]])
    at: Text | None = Field(default=None, examples=["2026-12-01T09:00:00Z"])
    environment: Text | None = Field(default=None, examples=["prod"])


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
