"""Impact analysis: the effects of a return to an older version (FR-016)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from engine.domain.impact.breaking_changes import BreakingChange, find_breaking_changes
from engine.domain.impact.content import Content, find_uncompared
from engine.domain.impact.json_values import JSON
from engine.domain.impact.models import Models, find_models
from engine.domain.impact.products import find_products, merge_spellings
from engine.domain.impact.text import append_count, join_names, limit_lines, shorten

MAX_LINES = 200
_MAX_ADVICE = 10


class ImpactAnalysis(BaseModel):
    """
    The differences between the running artifact and its replacement, for people who decide.

    `breaking_changes` name fields by path: "Removed field: config.x", "Changed type: limits.memory
    (str -> int)". `not_compared` says which content could not be compared, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    breaking_changes: tuple[str, ...] = ()
    affected_products: tuple[str, ...] = ()
    versions_undone: tuple[str, ...] = ()
    seconds_undone: int | None = None
    recommendations: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()


def impact_analysis(
    current: Content, target: Content, undone: Sequence[tuple[str, datetime]], now: datetime
) -> ImpactAnalysis:
    """
    Analyze a return from `current` to `target`.

    `undone` are the promotions since the target's, each with its version and time (with a zone):
    `versions_undone` lists them newest first, `seconds_undone` is the time since the oldest, None
    without any. `affected_products` are the products in both artifacts, and the current models
    that depend on a removed or changed one. Every list ends after 200 lines with "…and N more";
    every line is printable. Content of any shape is compared as far as possible, without errors.
    """
    ours, theirs = _comparable(current, target), target.layers
    models, target_models = find_models(ours.values()), find_models(theirs.values())
    found = list(find_breaking_changes(ours, theirs, models, target_models))
    affected = sorted({*_products(current, target), *_downstream(models, target_models)})
    unread = list(find_uncompared(current, target))
    versions = _versions(undone)
    advice = [
        *_advice_on_breaking(found, compared=not ours.keys().isdisjoint(theirs)),
        *_other_advice(merge_spellings(affected if found or unread else ()), unread, versions),
    ]
    return ImpactAnalysis(
        breaking_changes=append_count((each.line for each in found[:MAX_LINES]), len(found)),
        affected_products=limit_lines(affected, MAX_LINES),
        versions_undone=limit_lines(versions, MAX_LINES),
        seconds_undone=_seconds(undone, now),
        recommendations=tuple(advice),
        not_compared=limit_lines(unread, MAX_LINES),
    )


def _comparable(current: Content, target: Content) -> Mapping[str, JSON]:
    """The current documents, without those that could not be read in the target."""
    if target.opaque:
        return {}
    return {name: layer for name, layer in current.layers.items() if name not in target.unread}


def _products(*contents: Content) -> Iterator[str]:
    for content in contents:
        yield from map(shorten, find_products(content.layers.values(), content.view.annotations))


def _downstream(models: Models, target: Models) -> Iterator[str]:
    return map(shorten, models.downstream([*models.removed(target), *models.changed(target)]))


def _versions(undone: Sequence[tuple[str, datetime]]) -> list[str]:
    newest_first = sorted(undone, key=lambda promotion: promotion[1], reverse=True)
    return list(dict.fromkeys(shorten(version) for version, _ in newest_first))


def _seconds(undone: Sequence[tuple[str, datetime]], now: datetime) -> int | None:
    """Seconds since the oldest; not negative if the clock of its promotion was ahead of ours."""
    oldest = min((promoted_at for _, promoted_at in undone), default=None)
    return None if oldest is None else max(0, int((now - oldest).total_seconds()))


def _advice_on_breaking(found: Sequence[BreakingChange], *, compared: bool) -> Iterator[str]:
    yield from (each.advice for each in found[:_MAX_ADVICE])
    if len(found) > _MAX_ADVICE:
        yield f"Check the other {len(found) - _MAX_ADVICE} breaking changes as well"
    if not found and compared:
        yield "No breaking change was found in the content that could be compared"
    if not found and not compared:
        yield "There was no JSON content to compare: breaking changes are unknown"


def _other_advice(
    owned: Sequence[str], unread: Sequence[str], versions: Sequence[str]
) -> Iterator[str]:
    if owned:
        yield f"Inform the owners of: {join_names(owned)}"
    if unread:
        yield f"Check the content that could not be compared ({len(unread)}) before rolling back"
    if len(versions) > 1:
        yield (
            f"Check the other changes of {join_names(versions)}: {len(versions)} versions are "
            "undone"
        )
