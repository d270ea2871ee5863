"""One CEL expression: compiled and checked once, evaluated within bounds."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stubs have no py.typed

from engine.adapters.policy.subject import UnjudgeableError, longest
from engine.domain.text import printable

# The library gives up after this many steps of all macros of a rule together.
MAX_STEPS = 10_000
# map() and filter() copy what they collect at every step, so their cost grows with the square.
MAX_COLLECTED = 2_000
_MESSAGE_CHARACTERS = 300
_PLACE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
# gRPC's code before a message of the library, and once more behind it.
_CODE = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$")
_READS_CONTENT = re.compile(r"""\.\s*content\b|\[\s*["']content["']\s*\]""")
_COLLECTS = re.compile(r"\.\s*(?:map|filter)\s*\(")
Environment = Any
Expression = Any


class ExpressionError(ValueError):
    """A rule that does not compile; the message says where and why."""


class CompiledRule:
    """A rule that is true or false of an artifact."""

    def __init__(self, text: str) -> None:
        self._expression = _compile(text)
        self._collects = bool(_COLLECTS.search(text))
        # What is not read is absent, so a rule that hides the name finds nothing and is blocked.
        self.reads_content = bool(_READS_CONTENT.search(text))

    def holds(self, variables: Mapping[str, Any]) -> bool:
        """Whether the rule is true; UnjudgeableError when it says neither true nor false."""
        if self._collects and longest(variables["artifact"]) > MAX_COLLECTED:
            raise UnjudgeableError(
                f"map() and filter() take lists of {MAX_COLLECTED} entries at most, and the "
                "artifact has a longer one: use all() or exists()"
            )
        try:
            answer = self._expression.eval(data=dict(variables))
        except (RuntimeError, ValueError, TypeError) as error:
            raise UnjudgeableError(_reason(str(error))) from error
        if answer.type() == cel.Type.ERROR:
            raise UnjudgeableError(_reason(str(answer.value())))
        value = answer.value()
        if not isinstance(value, bool):
            raise UnjudgeableError(f"it says {answer.type().name()} and not true or false")
        return value


def _compile(text: str) -> Expression:
    if not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text):
        raise ExpressionError("it is not valid Unicode text")
    try:
        expression = _environment().compile(text)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ExpressionError(_position(str(error))) from error
    kind = expression.return_type()
    if kind not in (cel.Type.BOOL, cel.Type.DYN):
        raise ExpressionError(f"it says {kind.name()} and not true or false")
    return expression


@cache
def _environment() -> Environment:
    names = ("version", "source", "target")
    artifact = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    return cel.NewEnv(variables={"artifact": artifact} | dict.fromkeys(names, cel.Type.STRING))


def _position(error: str) -> str:
    """`line 1, column 4: …` of the first thing that is wrong."""
    found = _PLACE.search(error)
    if found is None:
        return _reason(error)
    line, column, problem = found.groups()
    # What could have stood there instead is a list of every token there is.
    reason = _reason(problem.partition(" expecting {")[0].removesuffix(" (in container '')"))
    return reason if line.startswith("-") else f"line {line}, column {column}: {reason}"


def _reason(error: str) -> str:
    reason = printable(_CODE.sub("", error.strip()))[:_MESSAGE_CHARACTERS]
    if reason.startswith("Iteration budget exceeded"):
        return f"it takes more than {MAX_STEPS} steps through lists and maps"
    if reason.startswith("Key not found"):
        return f"{reason} (ask with has() or in whether it is there)"
    return reason
