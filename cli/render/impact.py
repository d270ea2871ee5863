"""Render an impact analysis."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from engine.domain.impact.analysis import ImpactAnalysis
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
    yield from _listed("affected", impact.affected_products)
    yield from _listed("unknown", impact.not_compared)
    yield from _listed("advice", impact.recommendations)


def _listed(word: str, texts: Iterable[str]) -> Iterator[str]:
    return (f"  {word:8} {printable(text)}" for text in texts)
