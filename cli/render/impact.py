"""Render an impact analysis, and the differences from the running version."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.impact.delta import Delta, describe
from engine.domain.impact.products import merge_spellings
from engine.domain.text import printable


def impact_lines(impact: ImpactAnalysis | None) -> Iterator[str]:
    if impact is None:
        yield "Impact: not analysed"
        return
    yield "Impact:"
    undone = [f"{len(impact.versions_undone)} versions ({', '.join(impact.versions_undone)})"]
    if impact.seconds_undone is not None:
        undone.append(f"{timedelta(seconds=impact.seconds_undone)} since they began")
    yield from _listed("undone", undone if impact.versions_undone else ())
    yield from _listed("breaking", impact.breaking_changes)
    yield from _listed("affected", merge_spellings(impact.affected_products))
    yield from _listed("unknown", impact.not_compared)
    yield from _listed("advice", impact.recommendations)


def changes_lines(changes: Delta | None, indent: str = "") -> Iterator[str]:
    """The differences from the running version; nothing without any."""
    if changes is not None:
        yield f"{indent}Changes from {printable(changes.running.version)}:"
        yield from (f"{indent}  {printable(line)}" for line in describe(changes))
        if changes.compare_url:
            yield f"{indent}  commits: {changes.compare_url}"


def _listed(word: str, texts: Iterable[str]) -> Iterator[str]:
    return (f"  {word:8} {printable(text)}" for text in texts)
