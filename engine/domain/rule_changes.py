"""Compare one rule of two configurations: is it looser, stricter, or only different?"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from engine.domain.text import printable

_MAX_ITEMS = 8
_MAX_TEXT = 120
_SHORT_DIGEST = 19


class ChangeKind(StrEnum):
    """The direction of a change; OTHER where it cannot be decided, as with another command."""

    LOOSER = "looser"
    STRICTER = "stricter"
    OTHER = "other"

    @property
    def opposite(self) -> "ChangeKind":
        """The direction of the same change made backwards."""
        if self is ChangeKind.OTHER:
            return self
        return ChangeKind.STRICTER if self is ChangeKind.LOOSER else ChangeKind.LOOSER


LOOSER, STRICTER, OTHER = ChangeKind.LOOSER, ChangeKind.STRICTER, ChangeKind.OTHER


@dataclass(frozen=True, slots=True)
class RuleChange:
    """
    A rule that differs between two configurations.

    `environment` is None for a rule of the whole product. `rule` is its place in manifest.yaml,
    below the environment if there is one. `text` is a sentence without a full stop that has both
    values.
    """

    kind: ChangeKind
    environment: str | None
    rule: str
    text: str

    def inside(self, environment: str) -> "RuleChange":
        """Move the change to a rule of `environment`."""
        text = f"{printable(environment)}: {self.text}"
        return replace(self, environment=environment, text=text)


# Compares the values of the rule at a place; None is a value that is not set.
Judge = Callable[[str, Any, Any], Iterator[RuleChange]]
Field = tuple[str, Judge]


def changed(kind: ChangeKind, rule: str, before: Any, after: Any, note: str = "") -> RuleChange:
    """Describe a change of the values of `rule`."""
    text = f"{printable(rule)} goes from {show(before)} to {show(after)}"
    return RuleChange(kind, None, rule, f"{text} ({note})" if note else text)


def show(value: Any) -> str:
    """Write `value` as in manifest.yaml, on one line and shortened."""
    if value is None:
        return "not set"
    if isinstance(value, list):
        rest = len(value) - _MAX_ITEMS
        items = [show(each) for each in value[:_MAX_ITEMS]] + ([f"{rest} more"] if rest > 0 else [])
        return f"[{', '.join(items)}]"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    limit = _SHORT_DIGEST if text.startswith("sha256:") else _MAX_TEXT
    return printable(text if len(text) <= limit else f"{text[:limit]}…")


def other(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
    """Judge a rule whose values have no order."""
    if not _same(before, after):
        yield changed(OTHER, rule, before, after)


def number(more: ChangeKind, unit: str = "") -> Judge:
    """Judge a number or a switch, 0 or off if it is not set; `more` is the direction of more."""

    def judge(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
        one, two = (each or 0 for each in (before, after))
        if not (isinstance(one, int) and isinstance(two, int)) or one == two:
            yield from other(rule, before, after)
        else:
            yield changed(more if two > one else more.opposite, rule, before, after, unit)

    return judge


def ranked(*words: str) -> Judge:
    """Judge one of `words`, of which the last is the strictest."""

    def judge(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
        if before == after or before not in words or after not in words:
            yield from other(rule, before, after)
        else:
            stricter = words.index(after) > words.index(before)
            yield changed(STRICTER if stricter else LOOSER, rule, before, after)

    return judge


def members(added: ChangeKind) -> Judge:
    """Judge a list without order; `added` is the direction of a new member."""

    def judge(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
        one, two = (each or [] for each in (before, after))
        if not (isinstance(one, list) and isinstance(two, list)):
            yield from other(rule, before, after)
            return
        gained, lost = subtract(two, one), subtract(one, two)
        if gained:
            yield changed(added, rule, before, after, f"adds {_show_all(gained)}")
        if lost:
            yield changed(added.opposite, rule, before, after, f"removes {_show_all(lost)}")
        if not (gained or lost):
            yield from other(rule, before, after)

    return judge


def optional(added: ChangeKind, judge: Judge) -> Judge:
    """Judge a rule whose absence is no value: `added` is the direction of writing it down."""

    def judge_presence(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
        if (before is None) is (after is None):
            yield from judge(rule, before, after)
        else:
            yield changed(added if before is None else added.opposite, rule, before, after)

    return judge_presence


def section(fields: Mapping[str, Field]) -> Judge:
    """Judge a mapping; `fields` has the names in manifest.yaml of its keys, and their judges."""

    def judge(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
        one, two = (each or {} for each in (before, after))
        if not (isinstance(one, dict) and isinstance(two, dict)):
            yield from other(rule, before, after)
            return
        found: list[RuleChange] = []
        for key in dict.fromkeys((*fields, *one, *two)):
            name, field = fields.get(key, (key, other))
            inner, values = place(rule, name), (one.get(key), two.get(key))
            found += field(inner, *values)
            if values == (None, None) and (key in one) is not (key in two):
                found.append(changed(OTHER, inner, *values, "null"))
        yield from found or other(rule, before, after)

    return judge


def mapping(field: Judge) -> Judge:
    """Judge a mapping of which all values have the same judge."""

    def judge(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
        one, two = (each if isinstance(each, dict) else {} for each in (before, after))
        fields = {key: (key, field) for key in (*one, *two)}
        yield from section(fields)(rule, before, after)

    return judge


def entries(key: str, entry: Judge, added: ChangeKind) -> Judge:
    """
    Judge a list of mappings that `key` names; `added` is the direction of a new entry.

    Their order has no direction.
    """

    def judge(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
        one, two = (each or [] for each in (before, after))
        if not (_are_named(one, key) and _are_named(two, key)):
            yield from other(rule, before, after)
            return
        found = [
            *_entry_changes(
                rule, name_entries(subtract(one, two), key), name_entries(subtract(two, one), key)
            )
        ]
        names = [[each[key] for each in listed] for listed in (one, two)]
        common = [
            [name for name in each if name in names[0] and name in names[1]] for each in names
        ]
        if common[0] != common[1] and sorted(common[0]) == sorted(common[1]):
            found.append(changed(OTHER, rule, common[0], common[1], "another order"))
        yield from found or other(rule, before, after)

    def _entry_changes(
        rule: str, before: dict[str, Any], after: dict[str, Any]
    ) -> Iterator[RuleChange]:
        for name in dict.fromkeys((*before, *after)):
            inner = place(rule, name)
            if name in before and name in after:
                yield from entry(inner, before[name], after[name])
            else:
                kind, verb = (added, "added") if name in after else (added.opposite, "removed")
                yield RuleChange(kind, None, inner, f"{printable(inner)} is {verb}")

    return judge


def place(rule: str, name: str) -> str:
    """Name the rule `name` below `rule`; either can be empty."""
    return ".".join(filter(None, (rule, name)))


def subtract(one: list[Any], two: list[Any]) -> list[Any]:
    """List the values of `one` that `two` does not have."""
    known = {_text(each) for each in two}
    return [each for each in one if _text(each) not in known]


def _are_named(listed: Any, key: str) -> bool:
    return isinstance(listed, list) and all(
        isinstance(each, dict) and isinstance(each.get(key), str) for each in listed
    )


def name_entries(listed: Iterable[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    """Name each entry by `key`; further entries of a name get a number."""
    seen: Counter[str] = Counter()
    named = {}
    for each in listed:
        name = str(each[key])
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name}#{seen[name]}"] = each
    return named


def _show_all(values: list[Any]) -> str:
    return show(values)[1:-1]


def _same(one: Any, two: Any) -> bool:
    """Compare JSON values; unlike Python's, true is not 1."""
    return _text(one) == _text(two)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
