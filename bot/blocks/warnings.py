"""What a change went on with, or ended with, although somebody should look at it."""

from bot.blocks.elements import SECTION, Block, bounded, foreign, section
from engine.domain.change import Change


def warning_blocks(change: Change, key: str) -> tuple[Block, ...]:
    """One block, or none: what gates warned of stands with the gates."""
    said = {result.error for result in change.gate_results}
    lines = [
        f":warning: *Warning:* {foreign(text, 500)}" for text in change.warnings if text not in said
    ]
    return (section(key, bounded(lines, SECTION)),) if lines else ()
