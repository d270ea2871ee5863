"""The types of values in manifest.yaml, each with its parser and bounds."""

import re
import shlex
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    ValidationInfo,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import CoreSchema, core_schema

from engine.config.addresses import is_loopback, parse_address
from engine.config.validation_context import OUR_PREFIXES, ManifestContext, check_variables

T = TypeVar("T")

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MAX_DURATION = 90 * 86400
_ENVIRONMENT = re.compile(r"[a-z0-9]+(?:-+[a-z0-9]+)*", re.ASCII)
_ROLLBACK = re.compile(r"(?:.*-)?rollback-[0-9]+", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Section(BaseModel):
    """
    A mapping of the file. An unknown key is an error: a misspelled rule would never run.

    The validator of a section in another one is built when a file has it, since every command
    would wait for all of them. So defaults are made by `model_construct`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if handler.field_name is None:
            return handler(source)
        name = f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"  # for references in a JSON Schema
        return core_schema.with_info_plain_validator_function(cls._validate, ref=name)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(schema if schema["type"] == "model" else cls.__pydantic_core_schema__)

    @classmethod
    def _validate(cls, value: Any, info: ValidationInfo) -> Self:
        context = info.context
        if not isinstance(context, ManifestContext):
            return cls.model_validate(value, context=context)
        section = context.shared.get(cls, value)
        if not isinstance(section, cls):
            section = cls.model_validate(value, context=context)
            if context.shares:
                context.shared.keep(value, section)
        return section


def duration_seconds(text: str) -> int:
    """Parse `90s`, `30m`, `4h` or `2d`, up to 90 days, into seconds; ValueError otherwise."""
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
    # `authorization:` without a value would otherwise mean "not configured".
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
        raise ValueError(f"'{value}' is reserved in tags: choose another name")
    return value


def _command(value: Any) -> tuple[str, ...]:
    """Parse an argument list; a string is split like in a shell, but no shell runs it."""
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
        raise ValueError("contains a NUL character, which is not allowed in arguments")
    return tuple(value)


def variable_name(value: str) -> str:
    """Return `value`; ValueError if it is not the name of an environment variable."""
    if not _VARIABLE.fullmatch(value):
        raise ValueError("must be the name of an environment variable, like HTTPS_PROXY")
    return value


def _variable_for_gates(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    if value.startswith(OUR_PREFIXES):
        raise ValueError("is one of floe's own secrets, which are never passed to gates")
    check_variables(value, [value], info)
    return variable_name(value)


def web_url(value: str) -> str:
    """Return `value`; ValueError if it is not an http(s) URL without credentials."""
    try:
        parts = urlsplit(value)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise ValueError("is not a URL") from error
    if parts.scheme not in ("https", "http") or not host or not value.isprintable():
        raise ValueError("must be a URL that starts with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user name or password")
    return value


def _issuer(value: str) -> str:
    parts = urlsplit(web_url(value))
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https: over http, anyone can answer as the issuer")
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
    Choose the model of a mapping by its `key`: the tag is `(name)`, or `(other)` if none matches.

    The parentheses distinguish pydantic's tags from the file's keys in the paths of errors.
    """

    def tag(value: Any) -> str:
        chosen = value.get(key) if isinstance(value, dict) else getattr(value, key, None)
        return f"({chosen})" if chosen in named else "(other)"

    return Discriminator(tag)


def _mapping_or_not(value: Any) -> str:
    return "(mapping)" if isinstance(value, dict | BaseModel) else "(word)"


# A single value or a mapping: `tests: true`, `tests: {command: …}`.
WordOrMapping = Discriminator(_mapping_or_not)
# None means that the key is absent. A key without a value is refused.
Given = Annotated[T | SkipJsonSchema[None], BeforeValidator(_given)]
# pydantic's min_length also reports a list whose entries are all invalid.
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
GateVariable = Annotated[str, BeforeValidator(_variable_for_gates, json_schema_input_type=str)]
Url = Annotated[str, AfterValidator(web_url)]
IssuerUrl = Annotated[str, AfterValidator(_issuer)]
Pattern = Annotated[str, AfterValidator(_pattern)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
RegistryUri = Annotated[str, AfterValidator(_registry_uri)]
StoreUrl = Annotated[str, AfterValidator(_store_url)]
SlashCommand = Annotated[str, Field(pattern=r"^/[a-z0-9_-]{1,31}$")]
