"""The impact of running an older version, as lines of a message."""

from bot.blocks.elements import escape, format_duration
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.impact.products import merge_spellings


def impact_lines(found: ImpactAnalysis | None) -> list[str]:
    if found is None:
        return ["• The impact could not be analysed."]
    lines = []
    if found.versions_undone:
        since = (
            f" (the last {format_duration(found.seconds_undone)})" if found.seconds_undone else ""
        )
        lines.append(f"• Undoes {escape(', '.join(found.versions_undone))}{since}")
    listed = [
        ("Breaks", found.breaking_changes),
        ("Affects", merge_spellings(found.affected_products)),
        ("Not compared", found.not_compared),
        ("Advice", found.recommendations),
    ]
    for title, texts in listed:
        lines += [f"• {title}: {escape(text, 200)}" for text in texts[:15]]
    return lines
