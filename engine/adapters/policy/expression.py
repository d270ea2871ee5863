"""Compiles a CEL expression once, and evaluates it within limits."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stubs have no py.typed

from engine.adapters.policy.subject import UnjudgeableError, longest
from engine.domain.text import printable

# The library stops after this many steps in all macros of a rule.
MAX_STEPS = 10_000
# map() and filter() copy their result at every step, so the cost grows quadratically.
MAX_COLLECTED = 2_000
_MESSAGE_CHARACTERS = 300
_PLACE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
# The library puts a gRPC status code before its messages and again after them.
_CODE = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$")
_READS_CONTENT = re.compile(r"""\.\s*content\b|\[\s*["']content["']\s*\]""")
_COLLECTS = re.compile(r"\.\s*(?:map|filter)\s*\(")
Environment = Any
Expression = Any


class ExpressionError(ValueError):
    """A rule does not compile; the message has the position and the reason."""


class CompiledRule:
    """A rule that evaluates to true or false for an artifact."""

    def __init__(self, text: str) -> None:
        self._expression = _compile(text)
        self._collects = bool(_COLLECTS.search(text))
        # A rule that hides the name "content" finds no such field, and then blocks.
        self.reads_content = bool(_READS_CONTENT.search(text))

    def holds(self, variables: Mapping[str, Any]) -> bool:
        """Whether the rule is true; UnjudgeableError if it evaluates to anything but a bool."""
        if self._collects and longest(variables["artifact"]) > MAX_COLLECTED:
            raise UnjudgeableError(
                f"the artifact has a list of more than {MAX_COLLECTED} entries, the limit for "
                "map() and filter(): use all() or exists()"
            )
        try:
            answer = self._expression.eval(data=dict(variables))
        except (RuntimeError, ValueError, TypeError) as error:
            raise UnjudgeableError(_reason(str(error))) from error
        if answer.type() == cel.Type.ERROR:
            raise UnjudgeableError(_reason(str(answer.value())))
        value = answer.value()
        if not isinstance(value, bool):
            raise UnjudgeableError(f"its result is {answer.type().name()}, not true or false")
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
        raise ExpressionError(f"its result is {kind.name()}, not true or false")
    return expression


@cache
def _environment() -> Environment:
    names = ("version", "source", "target")
    artifact = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    return cel.NewEnv(variables={"artifact": artifact} | dict.fromkeys(names, cel.Type.STRING))


def _position(error: str) -> str:
    """`line 1, column 4: …` for the first error."""
    found = _PLACE.search(error)
    if found is None:
        return _reason(error)
    line, column, problem = found.groups()
    # "expecting" lists nearly all tokens of the grammar.
    reason = _reason(problem.partition(" expecting {")[0].removesuffix(" (in container '')"))
    return reason if line.startswith("-") else f"line {line}, column {column}: {reason}"


def _reason(error: str) -> str:
    reason = printable(_CODE.sub("", error.strip()))[:_MESSAGE_CHARACTERS]
    if reason.startswith("Iteration budget exceeded"):
        return f"it needs more than {MAX_STEPS} steps through lists and maps"
    if reason.startswith("Key not found"):
        return f"{reason} (test for it with has() or in)"
    return reason
