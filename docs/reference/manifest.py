"""Generates the reference of manifest.yaml from its models: `python -m docs.reference`."""

import json
from collections.abc import Iterator, Set
from typing import Any

from engine.config.models import config_schema
from engine.config.server_models import product_schema, server_schema

Schema = dict[str, Any]
_HEAD = """# manifest.yaml

<!-- Written by `make reference` from the models that read the file. -->

This page lists all keys of the file. floe refuses unknown keys inside `artifacts`, `ledger`, `identity`, `slack`,
`web` and `state`, and names their path and a similar key; other top-level keys belong to other tools. floe reports all mistakes together, with exit code 2.
`floe schema` prints the same content as a JSON Schema for your editor.

File paths are relative to the manifest. `${NAME}` in credentials, header values, URLs and secrets of webhooks is read from
the environment; commands that use a missing variable fail. Durations are a number and a unit: `90s`, `30m`, `4h`, `2d`.
"""


def manifest_page() -> str:
    schema = config_schema()
    definitions: dict[str, Schema] = schema.pop("$defs")
    paths = dict(_paths(schema, definitions, "", set()))
    missing = {name for name, one in definitions.items() if "properties" in one} - set(paths)
    assert not missing, f"no path leads to {missing}"
    sections = [_section(f"`{path}`", definitions[n], definitions) for n, path in paths.items()]
    return "\n".join([_HEAD, _section("The file", schema, {}), *sections])


_SERVER_HEAD = """# Server files and product files

<!-- Written by `make reference` from the models that read the files. -->

This page lists the keys of a server file (`kind: Server`) and of the product files that it lists. [Many products](../products.md) shows how to
write them. Sections that are not here have the keys of [manifest.yaml](manifest.md). `floe schema server` and `floe schema product` print the
same content as JSON Schemas.
"""


def server_page() -> str:
    known = config_schema()["$defs"].keys()
    server = _file_sections("The server file", server_schema(), known)
    product = _file_sections("A product file", product_schema(), known)
    return "\n".join([_SERVER_HEAD, *server, *product])


def _file_sections(title: str, schema: Schema, known: Set[str]) -> Iterator[str]:
    """Yield the tables of a file, without sections that have the keys of manifest.yaml."""
    definitions: dict[str, Schema] = schema.pop("$defs")
    yield _section(title, schema, {})
    for name, path in _paths(schema, definitions, "", set()):
        if name not in known:
            yield _section(f"{title}: `{path}`", definitions[name], definitions)


def _paths(at: Schema, definitions: Schema, path: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield every section with the path of its first use."""
    for key, value in _properties(at).items():
        for name, below in _sections(value, f"{path}{key}"):
            target = definitions[name]
            if name in seen or "properties" not in target:
                continue
            seen.add(name)
            yield name, _chosen(below, target)
            yield from _paths(target, definitions, f"{below}.", seen)


def _sections(value: Schema, path: str) -> Iterator[tuple[str, str]]:
    """Yield the sections that `value` may be, and their paths."""
    if "$ref" in value:
        yield str(value["$ref"]).rpartition("/")[2], path
    for one in [*value.get("oneOf", []), *value.get("anyOf", [])]:
        yield from _sections(one, path)
    if "items" in value:
        yield from _sections(value["items"], f"{path}[]")
    if isinstance(value.get("additionalProperties"), dict):
        yield from _sections(value["additionalProperties"], f"{path}.<name>")


def _chosen(path: str, section: Schema) -> str:
    """`…auth: {type: basic}`: the key that chooses a section among others is part of its path."""
    for key, value in _properties(section).items():
        if "const" in value and isinstance(value["const"], str):
            return f"{path}: {{{key}: {value['const']}}}"
    return path


def _section(title: str, section: Schema, definitions: Schema) -> str:
    lines = [f"## {title}", ""]
    if section.get("description") and definitions:
        lines += [str(section["description"]).split("\n\n")[0].replace("\n", " "), ""]
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    required = section.get("required", [])
    for key, value in _properties(section).items():
        if "const" in value and isinstance(value["const"], str) and definitions:
            continue
        default = "required" if key in required else _default(value)
        lines.append(f"| `{key}` | {_kind(value, definitions)} | {default} | {_meaning(value)} |")
    if lines[-1].startswith("|---"):
        lines = [*lines[:-2], "This section has no further keys."]
    return "\n".join([*lines, ""])


def _properties(section: Schema) -> dict[str, Schema]:
    found: dict[str, Schema] = section.get("properties", {})
    return {key: value for key, value in found.items() if value}


def _default(value: Schema) -> str:
    default = value.get("default")
    if default is None or default == []:
        return ""
    return (
        f"`{json.dumps(default, ensure_ascii=False)}`"
        if not isinstance(default, str)
        else f"`{default}`"
    )


def _kind(value: Schema, definitions: Schema) -> str:
    if "const" in value:
        return f"`{json.dumps(value['const']).strip(chr(34))}`"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if "$ref" in value:
        named = definitions.get(str(value["$ref"]).rpartition("/")[2], {})
        return _kind(named, definitions) if "enum" in named else "section"
    several = [one for one in value.get("oneOf", value.get("anyOf", [])) if one != {"type": "null"}]
    if several:
        kinds = list(dict.fromkeys(_kind(one, definitions) for one in several))
        return " or ".join(kinds)
    return _plain(value, definitions)


def _plain(value: Schema, definitions: Schema) -> str:
    match value.get("type"):
        case "array":
            items = _kind(value["items"], definitions)
            return "list of sections" if items == "section" else f"list of {items}"
        case "object":
            return "mapping"
        case "integer":
            low, high = value.get("minimum"), value.get("maximum")
            return f"{low} to {high}" if low is not None else "number"
        case "boolean":
            return "`true` or `false`"
        case _:
            return "text"


def _meaning(value: Schema) -> str:
    said = str(value.get("description", ""))
    examples = value.get("examples", [])
    if examples:
        shown = (
            examples[0]
            if isinstance(examples[0], str)
            else json.dumps(examples[0], ensure_ascii=False)
        )
        said = f"{said}; e.g. `{shown}`" if said else f"e.g. `{shown}`"
    return said.replace("|", "\\|")
