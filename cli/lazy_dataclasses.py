"""
Compiles the methods of dataclasses at their first call.

A command defines some 150 dataclasses and calls few of their methods, but Python 3.11 and 3.12
compile each method of each class when they define it: a sixth of the time of a promotion. Python
3.13 compiles all methods of a class at once, and stays as it is.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

_COMPILER = "_create_fn"


def install() -> None:
    """Make the dataclasses that are defined from now on compile their methods when called."""
    compile_method = vars(dataclasses).get(_COMPILER)
    if compile_method is not None:
        setattr(dataclasses, _COMPILER, _deferred(compile_method))


def _deferred(compile_method: Callable[..., Any]) -> Callable[..., Any]:
    def defer(name: str, *definition: Any, **options: Any) -> Callable[..., Any]:
        compiled: Callable[..., Any] | None = None

        def method(*arguments: Any, **named: Any) -> Any:
            nonlocal compiled
            if compiled is None:
                compiled = compile_method(name, *definition, **options)
            return compiled(*arguments, **named)

        # dataclasses sets the attribute of this name.
        method.__name__ = name
        return method

    return defer
