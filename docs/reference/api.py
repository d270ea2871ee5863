"""Generates the reference of the Python API from the docstrings of `floe`."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import floe

_HEAD = """# The Python API

<!-- Written by `make reference` from the docstrings of floe. -->

[From Python](../python.md) shows the use. Every method raises a subclass of `floe.PromotionError` for expected errors, with a message of one
sentence, an `exit_code`, a stable `reason_code`, and `details` for programs. The types of
answers, and all errors, are [documented with the commands](outputs.md).
"""
_MODULE = re.compile(
    r"\b(?:engine|floe|collections|os|pathlib|datetime|concurrent)(?:\.[a-z_]+)*\.(?=[A-Z])"
)
_OBJECT = re.compile(r"<[^<>]* object at [^<>]*>")


def api_page() -> str:
    sections = [_function(floe.open_platform), *_class(floe.Platform)]
    return "\n".join([_HEAD, *sections])


def _class(cls: type[Any]) -> Iterator[str]:
    yield f"## {cls.__name__}\n\n{_doc(cls)}\n"
    for name, member in vars(cls).items():
        if not name.startswith("_") and inspect.isfunction(member):
            yield _function(member, f"{cls.__name__}.")


def _function(function: Callable[..., Any], prefix: str = "") -> str:
    signature = inspect.signature(function)
    shown = [p for p in signature.parameters.values() if p.name != "self"]
    text = _OBJECT.sub("...", _MODULE.sub("", str(signature.replace(parameters=shown))))
    return f"### {prefix}{function.__name__}\n\n```python\n{function.__name__}{text}\n```\n\n{_doc(function)}\n"


def _doc(thing: object) -> str:
    return inspect.getdoc(thing) or ""
