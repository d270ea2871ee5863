"""What going back to an older version undoes, as lines of a message."""

from bot.blocks.elements import duration, foreign
from engine.domain.impact.analysis import ImpactAnalysis


def impact_lines(found: ImpactAnalysis | None) -> list[str]:
    if found is None:
        return ["• It could not be analysed."]
    lines = []
    if found.versions_undone:
        since = f" (the last {duration(found.seconds_undone)})" if found.seconds_undone else ""
        lines.append(f"• Undoes {foreign(', '.join(found.versions_undone))}{since}")
    listed = [
        ("Breaks", found.breaking_changes),
        ("Affects", found.affected_products),
        ("Not compared", found.not_compared),
        ("Advice", found.recommendations),
    ]
    for title, texts in listed:
        lines += [f"• {title}: {foreign(text, 200)}" for text in texts[:15]]
    return lines
