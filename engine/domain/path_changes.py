"""Compare the environments of two paths, and those that versions must pass before each."""

from collections.abc import Collection, Iterator, Sequence

from engine.domain.path import PromotionPath
from engine.domain.rule_changes import (
    LOOSER,
    OTHER,
    STRICTER,
    ChangeKind,
    RuleChange,
    changed,
    show,
    subtract,
)

_PATH = "artifacts.promotion.environments"
_Paths = tuple[PromotionPath, PromotionPath]


def list_changes(before: list[str], after: list[str], paths: _Paths) -> Iterator[RuleChange]:
    """
    Compare the names of the environments on `paths`, in their order.

    An environment that versions must pass before another one is a rule of that one.
    """
    for name in subtract(before, after):
        yield _on_path("removes", name, (before, after), paths[0])
    for name in subtract(after, before):
        yield _on_path("adds", name, (before, after), paths[1])
    common = [
        [name for name in path if name in before and name in after] for path in (before, after)
    ]
    if common[0] != common[1]:
        yield changed(OTHER, _PATH, before, after, "another order")


def _on_path(
    verb: str, name: str, lists: tuple[list[str], list[str]], path: PromotionPath
) -> RuleChange:
    later = [
        each
        for each in path.later(name)
        if each in lists[0] and each in lists[1] and path.passes(each, [name])
    ]
    kind = (STRICTER if verb == "adds" else LOOSER) if later else OTHER
    note = f"{verb} {show(name)}" + (f" before {show(later[0])}" if later else "")
    return changed(kind, _PATH, *lists, note)


def order_changes(before: PromotionPath, after: PromotionPath) -> Iterator[RuleChange]:
    """
    Judge `after` and `from` by the environments that versions must pass.

    Without `after`, an environment that follows a new one follows its predecessor no more.
    """
    paths = before, after
    common = [[name for name in path.names if _is_on(name, paths)] for path in paths]
    for name in common[1]:
        shown = [path.source(name) for path in paths]
        if shown[0] == shown[1]:
            continue
        conditions = [path.conditions(name) for path in paths]
        kept = [
            {both for each in listed if (both := each.intersection(common[1]))}
            for listed in conditions
        ]
        kind = _order_kind(name, paths, conditions)
        if kind is OTHER:
            kind = _order_kind(name, paths, kept)
        known, new = (path.environment(name) for path in paths)
        written = (known.after, known.any_source) != (new.after, new.any_source)
        if written or (common[0] == common[1] and kept[0] != kept[1]):
            yield changed(kind, "after", *shown).inside(name)


def keeps_order(environment: str, before: PromotionPath, after: PromotionPath) -> bool:
    """Whether versions pass all before `environment` that they must pass on the path `before`."""
    return _meets(environment, after, before.conditions(environment))


def _is_on(name: str, paths: Sequence[PromotionPath]) -> bool:
    return all(name in path.names for path in paths)


def _order_kind(
    name: str, paths: _Paths, conditions: Sequence[Collection[frozenset[str]]]
) -> ChangeKind:
    stricter = _meets(name, paths[1], conditions[0])
    looser = _meets(name, paths[0], conditions[1])
    return OTHER if stricter is looser else STRICTER if stricter else LOOSER


def _meets(name: str, path: PromotionPath, conditions: Collection[frozenset[str]]) -> bool:
    return all(path.passes(name, each) for each in conditions)
