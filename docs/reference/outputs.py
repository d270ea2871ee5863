"""The JSON of every command: one schema for each, and the page that shows them."""

from cli.output import InterruptedRunError
from cli.remote.errors import ServerUnavailableError
from docs.reference.shapes import DEFINITIONS, Schema
from engine.domain import errors
from engine.domain.errors import PromotionError, RegistryError, UnavailableError
from web.authentication import UnauthenticatedError
from web.concurrency_limit import BusyError
from web.csrf import ForgedRequestError
from web.pages import NoSuchPageError

_BASES = (RegistryError, UnavailableError)
_OF_INTERFACES = (
    InterruptedRunError,
    ServerUnavailableError,
    UnauthenticatedError,
    ForgedRequestError,
    NoSuchPageError,
    BusyError,
)

_HEAD = """# JSON of every command

<!-- Written by `make reference`. -->

With `--output json` stdout has one document and nothing else, also when the command fails: then `success` is false and `error` says why. Times
are ISO 8601 with their zone, digests `sha256:…`. Fields may be added; none is renamed or removed. As JSON Schema:
[outputs.json](../schema/outputs.json), one definition for each command.

`error` is `null` or

| field | type | meaning |
|---|---|---|
{error}

## Error types

One row for each `error.type`: `exit` is the exit code of a command, `HTTP` the status of an API response. Errors that end a change
(exit code 15) are also the error of every later decision about it; a `StaleError` lists the differences in `details.differences`.

| type | reason_code | exit | HTTP | meaning |
|---|---|---|---|---|
{types}
"""

_COMMANDS = (
    "promote",
    "rollback",
    "lock",
    "unlock",
    "restore",
    "changes",
    "changes show",
    "status",
    "sync",
    "webhooks",
    "audit verify",
    "audit history",
    "artifact verify",
)
# What an array holds one of for each.
_EACH = {"status": "environment", "changes": "change"}


def outputs_schema() -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "JSON of floe's commands",
        "$defs": DEFINITIONS,
    }


def outputs_page() -> str:
    error, types = _rows(DEFINITIONS["error"]), [_error_row(each) for each in _errors()]
    parts = [_HEAD.format(error="\n".join(error), types="\n".join(types))]
    for name in _COMMANDS:
        shown = DEFINITIONS[_EACH.get(name, name)]
        about = [f"An array, one object for each {_EACH[name]}:", ""] if name in _EACH else []
        group = "" if name.startswith("artifact") else "platform "
        head = [
            f"## floe {group}{name}",
            "",
            *about,
            "| field | type | meaning |",
            "|---|---|---|",
        ]
        parts.append("\n".join([*head, *_rows(shown), ""]))
    return "\n".join(parts)


def _errors() -> list[type[PromotionError]]:
    """The error classes that are raised, by exit code; those of the interfaces last."""
    known = [each for each in vars(errors).values() if isinstance(each, type)]
    raised = [each for each in known if issubclass(each, PromotionError) and each not in _BASES]
    return [*sorted(raised, key=lambda each: each.exit_code), *_OF_INTERFACES]


def _error_row(kind: type[PromotionError]) -> str:
    meaning = next(filter(None, (kind.__doc__ or "").splitlines())).strip()
    codes = f"`{kind.reason_code}` | {kind.exit_code} | {kind.http_status}"
    return f"| `{kind.kind}` | {codes} | {meaning} |"


def _rows(schema: Schema) -> list[str]:
    return [
        f"| `{name}` | {_kind(value)} | {value.get('description', '')} |"
        for name, value in schema["properties"].items()
    ]


def _kind(value: Schema) -> str:
    if "oneOf" in value:
        return "see above"
    kinds = value["type"] if isinstance(value["type"], list) else [value["type"]]
    return " or ".join(kinds)
