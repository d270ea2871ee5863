"""Generates the Python API reference from docstrings of `engine.api` and `engine.platform`."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from engine.api import Engine
from engine.bootstrap import open_command_engine, open_engine
from engine.platform import Platform

_HEAD = """# The Python API

<!-- Written by `make reference` from the docstrings of engine.api. -->

Slack, the page, the command line and your own programs can use these classes. `open_command_engine` and `open_engine` build them from a
`manifest.yaml`; [the architecture](../architecture.md) shows the packages behind them.

Every method raises a subclass of `engine.domain.errors.PromotionError` for expected errors, with a message of one sentence, an
`exit_code`, a stable `reason_code`, and `details` for programs.
"""
_MODULE = re.compile(
    r"\b(?:engine|collections|pathlib|datetime|concurrent)(?:\.[a-z_]+)*\.(?=[A-Z])"
)
_OBJECT = re.compile(r"<[^<>]* object at [^<>]*>")
_CLASSES = (Engine, Platform)


def api_page() -> str:
    sections = [_function(each) for each in (open_command_engine, open_engine)]
    sections += [text for each in _CLASSES for text in _class(each)]
    return "\n".join([_HEAD, *sections])


def _class(cls: type[Any]) -> Iterator[str]:
    yield f"## {cls.__name__}\n\n{_doc(cls)}\n"
    fields = {field.name for field in dataclasses.fields(cls)}
    for name in sorted(dir(cls)):
        member = inspect.getattr_static(cls, name)
        if name.startswith("_") or name in fields or not inspect.isfunction(member):
            continue
        yield _function(member, f"{cls.__name__}.")


def _function(function: Callable[..., Any], prefix: str = "") -> str:
    signature = inspect.signature(function)
    shown = [p for p in signature.parameters.values() if p.name != "self"]
    text = _OBJECT.sub("...", _MODULE.sub("", str(signature.replace(parameters=shown))))
    return f"### {prefix}{function.__name__}\n\n```python\n{function.__name__}{text}\n```\n\n{_doc(function)}\n"


def _doc(thing: object) -> str:
    return inspect.getdoc(thing) or ""
