"""Failures as an answer: one sentence for people, one document for programs, one exit code."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from engine.domain.errors import PromotionError

# What Python makes of them; UTF-8 cannot say it.
_SURROGATE = re.compile("[\ud800-\udfff]")


def error_document(error: "PromotionError") -> dict[str, Any]:
    """The `error` of every JSON answer (FR-034)."""
    return {
        "type": type(error).__name__,
        "reason_code": error.reason_code,
        "message": str(error),
        "exit_code": error.exit_code,
        "details": error.details,
    }


def usage_failure(error: click.ClickException, arguments: Sequence[str]) -> int:
    """Say what is wrong with the command line, as JSON too where that was asked for."""
    if wants_json(arguments):
        document = {
            "success": False,
            "outcome": "failed",
            "error": {
                "type": "UsageError",
                "reason_code": "usage",
                "message": error.format_message(),
                "exit_code": error.exit_code,
                "details": {},
            },
        }
        click.echo(json.dumps(document, indent=2))
    error.show()
    return error.exit_code


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line that could not be parsed asks for JSON."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    options = ("--output", "--format")
    return any(
        (word in options and following == "json") or word in [f"{o}=json" for o in options]
        for word, following in pairs
    )


def as_json(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """`document`, readable; undecodable bytes of the command line stay in it, escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
