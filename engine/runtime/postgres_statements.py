"""Write statements and values that SQLite understands as psycopg expects them."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from engine.runtime.database import Values

# A literal, a positional or a named parameter, or a character that means something to psycopg.
_MARKS = re.compile(r"'(?:[^']|'')*'|\?|:([a-z_]+)|%")


@lru_cache(maxsize=512)
def translated(statement: str) -> str:
    """Write parameters as psycopg expects them."""

    def mark(found: re.Match[str]) -> str:
        text, name = found.group(), found.group(1)
        if text == "?":
            return "%s"
        return f"%({name})s" if name else text.replace("%", "%%")

    return _MARKS.sub(mark, statement)


def plain(values: Values) -> Values:
    """Truth is 0 and 1 in the tables of both databases."""
    if isinstance(values, Mapping):
        return {name: _number(value) for name, value in values.items()}
    return [_number(value) for value in values]


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value
