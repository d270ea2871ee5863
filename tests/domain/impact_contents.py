"""Helpers that build contents and analyze a return from one to another."""

from datetime import UTC, datetime

from engine.domain.impact.analysis import ImpactAnalysis, impact_analysis
from engine.domain.impact.content import Content
from engine.domain.impact.json_values import JSON
from engine.domain.manifest import ManifestView

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
BARE = ManifestView(schema_version=2)


def content(**layers: JSON) -> Content:
    """Build the content of an artifact from its layers; `_` in a name stands for a dot."""
    return Content(BARE, {name.replace("_", "."): layer for name, layer in layers.items()})


def impact(current: JSON, target: JSON) -> ImpactAnalysis:
    """Analyze the impact between two artifacts with one document each."""
    before, after = content(compiled_json=current), content(compiled_json=target)
    return impact_analysis(before, after, [], NOW)


def breaking(current: JSON, target: JSON) -> list[str]:
    return list(impact(current, target).breaking_changes)
