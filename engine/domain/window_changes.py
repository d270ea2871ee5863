"""Compare the freeze windows of two configurations."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from engine.domain.rule_changes import (
    LOOSER,
    OTHER,
    STRICTER,
    ChangeKind,
    RuleChange,
    entries,
    members,
    name_entries,
    optional,
    section,
)

_EVERYWHERE = ""
_DENY = {
    "environments": ("environments", optional(LOOSER, members(STRICTER))),
    "operations": ("operations", members(STRICTER)),
}


def window_changes(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
    """
    Judge the lists of windows.

    One that denies makes the rules stricter. So does the first one that allows changes of an
    environment, and each further one makes them looser.
    """
    one, two = (name_entries(each or (), "name") for each in (before, after))
    for name in dict.fromkeys((*one, *two)):
        window = two.get(name) or one[name]
        if window["kind"] == "deny":
            judge = entries("name", section(_DENY), STRICTER)
        else:
            others = (two if name in one else one).values()
            judge = entries("name", section({}), _direction_of_allowing(window, others))
        pair = [[each[name]] if name in each else [] for each in (one, two)]
        if pair[0] != pair[1]:
            yield from judge(rule, *pair)


def _direction_of_allowing(window: dict[str, Any], others: Iterable[dict[str, Any]]) -> ChangeKind:
    """The direction of adding `window`, which allows changes, to `others`."""
    scope = _scope(window)
    known = {pair for each in others if each["kind"] == "allow" for pair in _scope(each)}
    if all(pair in known or (_EVERYWHERE, pair[1]) in known for pair in scope):
        return LOOSER
    both = {operation for _, operation in known} & {operation for _, operation in scope}
    return OTHER if both else STRICTER


def _scope(window: dict[str, Any]) -> set[tuple[str, str]]:
    return set(product(window.get("environments") or [_EVERYWHERE], window["operations"]))
