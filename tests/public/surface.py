"""Lists the public names of floe: `python -m tests.public.surface` rewrites the golden file."""

import inspect
import types
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import floe
import floe.plugins
import floe.testing

GOLDEN = Path(__file__).with_name("surface.txt")


def surface() -> str:
    """Return one line for each public name, member and field, with its signature."""
    modules = (floe, floe.plugins, floe.testing)
    return "".join(f"{line}\n" for each in modules for line in _module(each))


def _module(module: types.ModuleType) -> Iterator[str]:
    for name in module.__all__:
        for line in _lines(name, getattr(module, name)):
            yield f"{module.__name__}.{line}" if not line.startswith(" ") else line


def _lines(name: str, thing: Any) -> Iterator[str]:
    if inspect.isfunction(thing):
        yield f"{name}{inspect.signature(thing)}"
    elif not inspect.isclass(thing):
        yield name
    elif issubclass(thing, floe.PromotionError):
        yield f"{name}({thing.__base__.__name__}): {thing.exit_code} {thing.reason_code}"
    elif issubclass(thing, Enum):
        yield f"{name}: {' '.join(str(member.value) for member in thing)}"
    else:
        yield name
        yield from (f"    {line}" for line in sorted(_members(thing)))


def _members(cls: type[Any]) -> Iterator[str]:
    fields = getattr(cls, "model_fields", None) or getattr(cls, "__dataclass_fields__", {})
    yield from fields
    if hasattr(cls, "model_fields"):
        # Methods of answers serve the engine.
        return
    for member, value in vars(cls).items():
        if member.startswith("_") or member in fields or member == "model_config":
            continue
        if inspect.isfunction(value):
            yield f"{member}{inspect.signature(value)}"
        else:
            yield member


if __name__ == "__main__":
    GOLDEN.write_text(surface())
