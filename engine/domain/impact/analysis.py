"""What a rollback undoes (FR-016)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from engine.domain.impact.breaking_changes import Breaking, breaking
from engine.domain.impact.content import Content, not_compared
from engine.domain.impact.json_values import JSON
from engine.domain.impact.models import Models, models_of
from engine.domain.impact.products import products
from engine.domain.impact.text import and_more, bounded, listed, shown

MAX_LINES = 200
_MAX_ADVICE = 10


class ImpactAnalysis(BaseModel):
    """
    Differences from what runs to what would run, in words a person decides by.

    `breaking_changes` name fields by path: "Removed field: config.x", "Changed type: limits.memory
    (str -> int)". `not_compared` says which content could not be compared, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    What going from `current` back to `target` takes away.

    `undone` are the promotions since the target's, each its version and its time (all times have
    a zone): `versions_undone` holds them newest first, `seconds_undone` what has passed since the
    oldest, None without any. `affected_products` are the products either artifact speaks of and
    the current models built on one that is removed or changed. Every list ends after 200 lines
    with "…and N more"; every line is printable. Content of any shape is judged as far as it can
    be, and never raises.
    """
    ours, theirs = _comparable(current, target), target.layers
    models, target_models = models_of(ours.values()), models_of(theirs.values())
    found = list(breaking(ours, theirs, models, target_models))
    affected = sorted({*_products(current, target), *_downstream(models, target_models)})
    unread = list(not_compared(current, target))
    versions = _versions(undone)
    advice = [
        *_on_breaking(found, compared=not ours.keys().isdisjoint(theirs)),
        *_on_the_rest(affected if found or unread else [], unread, versions),
    ]
    return ImpactAnalysis(
        breaking_changes=and_more((each.line for each in found[:MAX_LINES]), len(found)),
        affected_products=bounded(affected, MAX_LINES),
        versions_undone=bounded(versions, MAX_LINES),
        seconds_undone=_seconds(undone, now),
        recommendations=tuple(advice),
        not_compared=bounded(unread, MAX_LINES),
    )


def _comparable(current: Content, target: Content) -> Mapping[str, JSON]:
    """The current documents, without those that the target may have as well, only unread."""
    if target.opaque:
        return {}
    return {name: layer for name, layer in current.layers.items() if name not in target.unread}


def _products(*contents: Content) -> Iterator[str]:
    for content in contents:
        yield from map(shown, products(content.layers.values(), content.view.annotations))


def _downstream(models: Models, target: Models) -> Iterator[str]:
    return map(shown, models.downstream([*models.removed(target), *models.changed(target)]))


def _versions(undone: Sequence[tuple[str, datetime]]) -> list[str]:
    newest_first = sorted(undone, key=lambda promotion: promotion[1], reverse=True)
    return list(dict.fromkeys(shown(version) for version, _ in newest_first))


def _seconds(undone: Sequence[tuple[str, datetime]], now: datetime) -> int | None:
    """Not below zero: the clock that stamped the promotion may be ahead of ours."""
    oldest = min((promoted_at for _, promoted_at in undone), default=None)
    return None if oldest is None else max(0, int((now - oldest).total_seconds()))


def _on_breaking(found: Sequence[Breaking], *, compared: bool) -> Iterator[str]:
    yield from (each.advice for each in found[:_MAX_ADVICE])
    if len(found) > _MAX_ADVICE:
        yield f"Go through the other {len(found) - _MAX_ADVICE} breaking changes as well"
    if not found and compared:
        yield "Nothing breaking was found in the content that could be compared"
    if not found and not compared:
        yield "There was no JSON content to compare: nothing is known about breaking changes"


def _on_the_rest(
    owned: Sequence[str], unread: Sequence[str], versions: Sequence[str]
) -> Iterator[str]:
    if owned:
        yield f"Tell the owners of: {listed(owned)}"
    if unread:
        yield f"Look at what could not be compared ({len(unread)}) before rolling back"
    if len(versions) > 1:
        yield f"Check what else goes away with {listed(versions)}: {len(versions)} are undone"
