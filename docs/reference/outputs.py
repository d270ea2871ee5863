"""The JSON of every command: one schema for each, and the page that shows them."""

from docs.reference.shapes import DEFINITIONS, Schema

_HEAD = """# JSON of every command

<!-- Written by `make reference`. -->

With `--output json` stdout has one document and nothing else, also when the command fails: then `success` is false and `error` says why. Times
are ISO 8601 with their zone, digests `sha256:…`. Fields may be added; none is renamed or removed. As JSON Schema:
[outputs.json](../schema/outputs.json), one definition for each command.

`error` is `null` or

| field | type | meaning |
|---|---|---|
{error}
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
    parts = [_HEAD.format(error="\n".join(_rows(DEFINITIONS["error"])))]
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
