"""Validate the answers of a server."""

from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

Json = Any
Value = TypeVar("Value")


class StrangeAnswerError(ValueError):
    """The answer does not match the API of this version of floe."""


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read(kind: type[Value], document: Json) -> Value:
    """Validate `document` as a `kind`; ignore unknown fields, refuse missing and malformed ones."""
    try:
        hashable: Any = kind
        value: Value = _adapter(hashable).validate_python(document, extra="ignore")
        return value
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or kind.__name__
        raise StrangeAnswerError(f"{place}: {first['msg'].lower()}") from error


def is_judged(document: Any) -> bool:
    """Return whether a refusal has findings, which makes it an answer."""
    return isinstance(document, dict) and bool(document.get("findings"))


def lists_registries(document: Any) -> bool:
    """Return whether a failure lists the result of each secondary."""
    return isinstance(document, dict) and bool(document.get("registries"))


def names_change(document: Any) -> bool:
    """Return whether the document names a change to follow."""
    return isinstance(document, dict) and bool(document.get("change_id"))
