"""Parses sigstore's JSON: protobuf names, bytes as base64."""

import base64
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from engine.attestation.refusal import Refused

T = TypeVar("T", bound=BaseModel)
# The digits of the largest 64 bit number.
_DIGITS = 20


def decode(text: object) -> bytes:
    """Decode base64 strictly, so that a signature has only one spelling."""
    if not isinstance(text, str):
        raise ValueError("not base64 text")
    return base64.b64decode(text, validate=True)


def _number(value: object) -> object:
    """Accept whole numbers, also as strings, as in protobuf's JSON."""
    if isinstance(value, str) and len(value) <= _DIGITS and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("not a whole number")


Base64 = Annotated[bytes, BeforeValidator(decode)]
Number = Annotated[int, BeforeValidator(_number), Field(ge=0, lt=2**63)]


class Wire(BaseModel):
    """A foreign document; unknown fields are ignored."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, defer_build=True
    )


class Closed(Wire):
    """A document without unknown fields."""

    model_config = ConfigDict(extra="forbid")


def parse(model: type[T], content: bytes | str, name: str) -> T:
    """Parse `content` as a `model`; Refused with `name` and the first problem."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise Refused(f"{name} cannot be read: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
