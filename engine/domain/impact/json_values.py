"""Untrusted JSON: read without recursion, because it may be nested deeply."""

from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"


def kind(value: JSON) -> str:
    """The type of `value` in Python's spelling: str int float bool list dict null."""
    return "null" if value is None else type(value).__name__


def scalar_text(value: JSON) -> str | None:
    """Format a name or id, which may be a number, as text; None for other values."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    # Python refuses to format integers of more than 4,300 digits, and no id has that many.
    if isinstance(value, int) and value.bit_length() > 128:
        return None
    return str(value).strip() or None


def name_of(value: JSON) -> str | None:
    """The name of an object in a list: its `name`, else its `id`; None without both."""
    if not isinstance(value, dict):
        return None
    return scalar_text(value.get("name")) or scalar_text(value.get("id"))


def is_same(one: JSON, other: JSON) -> bool:
    """Whether two values are the same JSON; unlike with `==`, true is not 1, and 1 is not 1.0."""
    pending = [(one, other)]
    while pending:
        a, b = pending.pop()
        if isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            pending.extend((a[key], b[key]) for key in a)
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            pending.extend(zip(a, b, strict=True))
        elif type(a) is not type(b) or a != b:
            return False
    return True
