"""Compare the rules of approvals in two configurations."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from engine.domain.approval_rules import assign
from engine.domain.rule_changes import (
    LOOSER,
    OTHER,
    STRICTER,
    Judge,
    RuleChange,
    changed,
    mapping,
    members,
    number,
    optional,
    other,
    section,
)

# One who may approve, as in `admitted`; None where every verified operator may.
Admitted = frozenset[str] | None


def compare_rules(
    rule: str, before: Any, after: Any, admitted: tuple[Admitted, Admitted]
) -> Iterator[RuleChange]:
    """
    Compare lists of rules, of which a number of approvals is a list of one.

    The new list is stricter if approvals that fill it always fill the old one: each place in the
    old one has a place of its own in the new one, which fewer people fill.
    """
    one, two = (_slots(*each) for each in zip((before, after), admitted, strict=True))
    stricter, looser = _covers(two, one), _covers(one, two)
    kind = OTHER if stricter is looser else STRICTER if stricter else LOOSER
    old, new = _shown(before), _shown(after)
    if old != new:
        yield changed(kind, f"{rule}.rules", old, new)


def _shown(approvals: dict[str, Any]) -> list[str]:
    """Each rule as text: `2 of sre`, or `ops: 1 of sre or security`."""
    whole = {"count": approvals["required"], "groups": approvals["groups"], "name": ""}
    shown = []
    for each in approvals.get("rules") or [whole]:
        groups = " or ".join(each["groups"] or ["authorized operators"])
        named = "" if each["name"] in ("", groups) else f"{each['name']}: "
        shown.append(f"{named}{each['count']} of {groups}")
    return shown


def _slots(approvals: dict[str, Any], admitted: Admitted) -> list[Admitted]:
    if not approvals.get("rules"):
        return [admitted] * approvals["required"]
    return [
        frozenset(f"group {group}" for group in each["groups"])
        for each in approvals["rules"]
        for _ in range(each["count"])
    ]


def _covers(strict: list[Admitted], loose: list[Admitted]) -> bool:
    """Whether those who fill `strict` fill `loose` too."""
    wider = [
        {place for place, one in enumerate(strict) if every is None or (one and one <= every)}
        for every in loose
    ]
    return None not in assign(wider, [1] * len(strict))


def _until(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
    try:
        later = datetime.fromisoformat(after) > datetime.fromisoformat(before)
    except (TypeError, ValueError):
        yield from other(rule, before, after)
        return
    if before != after:
        yield changed(LOOSER if later else STRICTER, rule, before, after)


_DELEGATE = {"to": ("to", other), "until": ("until", _until)}
_ESCALATION = {
    "after_seconds": ("after", number(STRICTER, "in seconds")),
    "groups": ("to", members(LOOSER)),
}
ESCALATION: Judge = optional(LOOSER, section(_ESCALATION))
_REVIEW = {
    "seconds": ("within", number(LOOSER, "in seconds")),
    "groups": ("groups", optional(OTHER, members(LOOSER))),
}
_GLASS = {"groups": ("groups", members(LOOSER)), "review": ("review", section(_REVIEW))}
BREAK_GLASS: Judge = optional(LOOSER, section(_GLASS))
DELEGATES: Judge = optional(LOOSER, mapping(optional(LOOSER, section(_DELEGATE))))
