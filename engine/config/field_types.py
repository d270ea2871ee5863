"""The values of manifest.yaml: each is understood, bounded and refused in one place."""

import re
import shlex
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
)
from pydantic.json_schema import SkipJsonSchema

from engine.config.addresses import is_loopback, parse_address

T = TypeVar("T")

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MAX_DURATION = 90 * 86400
_ENVIRONMENT = re.compile(r"[a-z0-9]+(?:-+[a-z0-9]+)*", re.ASCII)
_ROLLBACK = re.compile(r"(?:.*-)?rollback-[0-9]+", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# What floe itself signs in with; a gate's command must never see it.
_OURS = ("FLOE_", "SLACK_")


class Section(BaseModel):
    """A mapping of the file. A key it does not know is an error: a misspelt rule never runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def duration_seconds(text: str) -> int:
    """`90s`, `30m`, `4h` or `2d`, up to 90 days, in seconds; ValueError for anything else."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", text, re.ASCII)
    if not match:
        raise ValueError("must be a number and a unit, like 90s, 30m, 4h or 2d")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _MAX_DURATION:
        raise ValueError("must be at most 90d")
    return seconds


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _given(value: Any) -> Any:
    # `authorization:` with nothing behind it would otherwise mean "not configured".
    if value is None:
        raise ValueError("has no value: give it one, or leave the key out")
    return value


def _not_empty(value: tuple[T, ...]) -> tuple[T, ...]:
    if not value:
        raise ValueError("is empty: name at least one")
    return value


def _duration(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError("must be a number and a unit, like 90s, 30m, 4h or 2d")
    return duration_seconds(value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true, false or a mapping")
    return value


def _always_on(value: Any) -> bool:
    if value is not True:
        raise ValueError("cannot be switched off: it always runs; leave it out or write true")
    return True


def _environment_name(value: str) -> str:
    if not _ENVIRONMENT.fullmatch(value) or len(value) > 63:
        raise ValueError(
            "must be lower case letters, digits and inner hyphens, like prod or pre-prod"
        )
    if value in ("latest", "none") or _ROLLBACK.fullmatch(value):
        raise ValueError(f"'{value}' has a meaning of its own in tags: choose another name")
    return value


def _command(value: Any) -> tuple[str, ...]:
    """One argument list; a string is split as a shell would, but never given to a shell."""
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"cannot be split into arguments: {error}".lower()) from error
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise ValueError("must be a command, or the list of its arguments (each of them text)")
    if not value or not value[0]:
        raise ValueError("is empty: name a program")
    if any("\0" in part for part in value):
        raise ValueError("holds a NUL character, which no argument can")
    return tuple(value)


def variable_name(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError("must be the name of an environment variable, like HTTPS_PROXY")
    return value


def _variable_for_gates(value: str) -> str:
    if value.startswith(_OURS):
        raise ValueError("names one of floe's own secrets, which no gate may see")
    return variable_name(value)


def web_url(value: str) -> str:
    """`value` unchanged, provided it is an http(s) URL without credentials; else ValueError."""
    try:
        parts = urlsplit(value)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise ValueError("is not a URL") from error
    if parts.scheme not in ("https", "http") or not host or not value.isprintable():
        raise ValueError("must be a URL that starts with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    return value


def _issuer(value: str) -> str:
    parts = urlsplit(web_url(value))
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https: whoever can answer for an issuer can be anybody")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    return value


def _registry_uri(value: str) -> str:
    parse_address(value)
    return value


def _header_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", value):
        raise ValueError("is not the name of an HTTP header")
    return value


def _store_url(value: str) -> str:
    if not re.match(r"(s3|gs|az|file)://.", value):
        raise ValueError("must start with s3://, gs://, az:// or file://")
    return value


def variant(key: str, *named: str) -> Discriminator:
    """
    Chooses among the shapes of a mapping by its `key`; each is tagged `(name)`, and `(other)` is
    what none of `named` is.

    The parentheses tell pydantic's tags from the file's own keys where errors are located.
    """

    def tag(value: Any) -> str:
        chosen = value.get(key) if isinstance(value, dict) else getattr(value, key, None)
        return f"({chosen})" if chosen in named else "(other)"

    return Discriminator(tag)


def _mapping_or_not(value: Any) -> str:
    return "(mapping)" if isinstance(value, dict | BaseModel) else "(word)"


# One value or a mapping with more to say: `tests: true`, `tests: {command: …}`.
WordOrMapping = Discriminator(_mapping_or_not)
# None is only the absence of the key. A key without a value is refused: `authorization:` with
# nothing behind it would otherwise mean that there is none.
Given = Annotated[T | SkipJsonSchema[None], BeforeValidator(_given)]
# pydantic's own min_length also complains of a list whose entries are all refused.
AtLeastOne = Annotated[
    tuple[T, ...], AfterValidator(_not_empty), Field(json_schema_extra={"minItems": 1})
]
Flag = Annotated[bool, Strict()]
Switch = Annotated[bool, BeforeValidator(_switch, json_schema_input_type=bool)]
AlwaysOn = Annotated[bool, BeforeValidator(_always_on, json_schema_input_type=Literal[True])]
Text = Annotated[str, AfterValidator(_text)]
Names = tuple[Text, ...]
Duration = Annotated[int, BeforeValidator(_duration, json_schema_input_type=str)]
GateSeconds = Annotated[int, Strict(), Field(ge=30, le=3600)]
EnvironmentName = Annotated[str, AfterValidator(_environment_name)]
Command = Annotated[
    tuple[str, ...], BeforeValidator(_command, json_schema_input_type=str | list[str])
]
GateVariable = Annotated[str, AfterValidator(_variable_for_gates)]
Url = Annotated[str, AfterValidator(web_url)]
IssuerUrl = Annotated[str, AfterValidator(_issuer)]
Pattern = Annotated[str, AfterValidator(_pattern)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
RegistryUri = Annotated[str, AfterValidator(_registry_uri)]
StoreUrl = Annotated[str, AfterValidator(_store_url)]
SlashCommand = Annotated[str, Field(pattern=r"^/[a-z0-9_-]{1,31}$")]
