"""One line per gate."""

from collections.abc import Sequence

from bot.blocks.elements import SECTION, Payload, escape, format_duration, join_lines, section
from engine.domain.gate import GateResult, GateStatus

_ICONS = {
    GateStatus.PASSED: ":white_check_mark:",
    GateStatus.FAILED: ":x:",
    GateStatus.SKIPPED: ":heavy_minus_sign:",
    GateStatus.WARNING: ":warning:",
}
_ORDER = [GateStatus.FAILED, GateStatus.WARNING, GateStatus.PASSED, GateStatus.SKIPPED]


def failed_first(results: Sequence[GateResult]) -> list[GateResult]:
    """Sort failed gates first, so that truncation never hides them."""
    return sorted(results, key=lambda result: _ORDER.index(result.status))


def gate_line(result: GateResult) -> str:
    took = f" in {format_duration(result.duration_ms / 1000)}" if result.duration_ms >= 1000 else ""
    why = f": {escape(result.error, 300)}" if result.error else ""
    return f"*{result.gate.value}* {result.status.value} {_ICONS[result.status]}{took}{why}"


def gate_lines(key: str, results: Sequence[GateResult]) -> Payload:
    """Render gates that ended at about the same time, in the order they ended."""
    lines = [gate_line(result) for result in results]
    text = ", ".join(f"{result.gate.value} {result.status.value}" for result in results)
    return Payload(text, (section(key, join_lines(lines, SECTION)),))
