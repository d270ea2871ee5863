"""Merges the `artifacts` of a product with the defaults of its server file."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.config.error_messages import Node, Problem
from engine.config.validation_context import PlacedText
from engine.config.yaml_loader import Key

ENVIRONMENTS = ("promotion", "environments")
# A list in which a product overrides the entry with the same name.
_NAMED = (ENVIRONMENTS, ("promotion", "policies"), ("promotion", "windows"))
# A mapping with another one of these is another kind of thing, so it replaces the default.
_KINDS = ("type", "backend")
# Lists of `promotion` to which a product adds entries by repeating those of the defaults.
REPEATED = ("webhooks", "notifiers", "secondary_registries")
# The settings in which {product} is the name of the product.
_TEMPLATES = ("uri", "url", "path")


def place_texts(value: Any, base: Path) -> Any:
    """Copy `value`, with each text placed in the directory `base` of its file."""
    if isinstance(value, str):
        if value.startswith("oci-layout:"):
            return f"oci-layout:{base / value.removeprefix('oci-layout:')}"
        return PlacedText.at(base, value)
    if isinstance(value, dict):
        return {key: place_texts(inner, base) for key, inner in value.items()}
    if isinstance(value, list):
        return [place_texts(inner, base) for inner in value]
    return value


def fill_product(value: Any, product: str) -> Any:
    """Put the name into addresses like `oci://host/{product}`; the rest is the same objects."""
    if isinstance(value, dict):
        filled = {
            key: _fill_text(inner, product)
            if key in _TEMPLATES and isinstance(inner, str)
            else fill_product(inner, product)
            for key, inner in value.items()
        }
        return filled if any(filled[key] is not value[key] for key in value) else value
    if isinstance(value, list):
        entries = [fill_product(inner, product) for inner in value]
        changed = any(new is not old for new, old in zip(entries, value, strict=True))
        return entries if changed else value
    return value


def _fill_text(text: str, product: str) -> str:
    if "{product}" not in text:
        return text
    filled = text.replace("{product}", product)
    return PlacedText.at(text.base, filled) if isinstance(text, PlacedText) else filled


def merge(default: Any, own: Any, *, exact: bool = False, path: tuple[Key, ...] = ()) -> Any:
    """
    Put `own` over `default`, the value at `path` of `artifacts`.

    Mappings are merged by key, environments and policies by name, and other values are replaced.
    `exact`: the path has only the environments of `own`, if it names any. Parts that only one of
    both has are the same objects as there.
    """
    if own is True and isinstance(default, dict) and path[-2:-1] == ("gates",):
        return default  # `tests: true` keeps the command of the default
    if path in _NAMED and _names(default) and _names(own):
        return _merge_named(default, own, path, exact=exact and path == ENVIRONMENTS)
    if not isinstance(default, dict) or not isinstance(own, dict):
        return own
    if any(key in own and own[key] != default.get(key, own[key]) for key in _KINDS):
        return own
    default = {key: value for key, value in default.items() if key not in _rivals(own)}
    both = {
        key: merge(default[key], value, exact=exact, path=(*path, key)) if key in default else value
        for key, value in own.items()
    }
    return {**default, **both}


def _rivals(own: dict[Any, Any]) -> tuple[str, ...]:
    """The keys of the default that another form of the same rule in `own` replaces."""
    if "rules" in own:
        return ("required", "groups")
    return ("rules",) if "required" in own or "groups" in own else ()


def repeat_defaults(default: Any, own: Any, base: Path) -> Any:
    """
    Put the default in place of an entry of `own` that repeats it, in the lists REPEATED.

    So its variables and paths are those of the defaults. Layouts of `own` start at `base`.
    """
    given, known = Node(own)["promotion"], Node(default)["promotion"]
    lists = {
        name: [_default_like(entry.value, known[name], base) for entry in given[name].items]
        for name in REPEATED
        if given[name].items
    }
    return {**own, "promotion": {**own["promotion"], **lists}} if lists else own


def _default_like(entry: Any, defaults: Node, base: Path) -> Any:
    same = (
        each.value for each in defaults.items if _resolve(each.value, base) == _resolve(entry, base)
    )
    return next(same, entry)


def _resolve(value: Any, base: Path) -> Any:
    """Copy `value` with one spelling of each layout's directory."""
    if isinstance(value, str) and value.startswith("oci-layout:"):
        return os.path.normpath(base / value.removeprefix("oci-layout:"))
    if isinstance(value, dict):
        return {key: _resolve(inner, base) for key, inner in value.items()}
    return value


def order_problems(default: Any, own: Any, *, exact: bool) -> Iterator[Problem]:
    """Find environments of `own` whose place among those of `default` is not clear."""
    artifacts = ("artifacts", *ENVIRONMENTS)
    known = _names(Node(default)[".".join(ENVIRONMENTS)].value)
    entries = Node(own, ("artifacts",))[".".join(ENVIRONMENTS)].items
    named = [name for entry in entries if (name := entry["name"].text)]
    if exact or not known or not named:
        return
    shared = [name for name in named if name in known]
    if not shared:
        yield Problem(
            artifacts, f"needs an environment of the defaults beside it: {', '.join(known)}"
        )
    elif shared != [name for name in known if name in shared]:
        yield Problem(artifacts, f"has another order than the defaults: {' → '.join(known)}")


def _names(entries: Any) -> list[str]:
    """The names of all entries; empty if one has none, or two have the same."""
    if not isinstance(entries, list):
        return []
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in entries]
    readable = [str(name) for name in names if isinstance(name, str)]
    return readable if len(set(readable)) == len(entries) else []


def _merge_named(default: Any, own: Any, path: tuple[Key, ...], *, exact: bool) -> list[Any]:
    """Merge entries of one name; a new one stands behind the one before it in `own`."""
    defaults = dict(zip(_names(default), default, strict=True))
    given = dict(zip(_names(own), own, strict=True))
    order = [] if exact else list(defaults)
    before: str | None = None
    for name in given:
        if name not in order:
            order.insert(_place(order, list(given), before), name)
        before = name
    return [
        merge(defaults[name], given[name], path=(*path, 0))
        if name in defaults and name in given
        else given.get(name, defaults.get(name))
        for name in order
    ]


def _place(order: list[str], given: list[str], before: str | None) -> int:
    if before is not None:
        return order.index(before) + 1
    following = (order.index(name) for name in given if name in order)
    return next(following, len(order))
