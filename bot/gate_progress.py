"""The gate progress of changes, and the lines about it in their threads."""

from typing import Any

from pydantic import ValidationError

from bot.blocks.gates import GateProgress, gate_lines
from bot.database import BotStore
from bot.message_store import DesiredMessage, MessageStore
from bot.thread_content import card_key
from engine.domain.change import Change
from engine.domain.gate import GateResult

# Gates that end within this many seconds of each other share a message.
MERGED = 1.0
_KEPT_SECONDS = 30 * 86400
_KEEP = """
INSERT INTO gates (change_id, gate, status, result, line, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (change_id, gate) DO UPDATE SET status = excluded.status, result = excluded.result,
    line = excluded.line, at = excluded.at
"""


class GateProgressStore:
    def __init__(self, store: BotStore, messages: MessageStore, merged: float = MERGED) -> None:
        self._store = store
        self._messages = messages
        self._merged = merged

    def record_start(self, change_id: str, gate: str) -> None:
        with self._store.transaction() as db:
            db.execute(_KEEP, [change_id, gate, "running", None, None, self._store.now()])
            db.execute("DELETE FROM gates WHERE at < ?", [self._store.now() - _KEPT_SECONDS])

    def record_end(self, change: Change, channel: str | None, document: Any) -> GateResult | None:
        """
        Store and return a gate result, or return None for one of a newer floe.

        In `channel`, post it together with those that ended just before.
        """
        try:
            result = GateResult.model_validate(document)
        except ValidationError:
            # A newer floe wrote this event; the end of the change is still announced.
            return None
        line = self._line(change.id) if channel else None
        with self._store.transaction() as db:
            db.execute(
                _KEEP,
                [
                    change.id,
                    result.gate.value,
                    result.status.value,
                    result.model_dump_json(),
                    line,
                    self._store.now(),
                ],
            )
        if channel and line:
            self._post(change, channel, line)
        return result

    def read_progress(self, change_id: str, total: int) -> GateProgress:
        with self._store.read() as db:
            rows = db.execute(
                "SELECT gate, result FROM gates WHERE change_id = ? ORDER BY at", [change_id]
            ).fetchall()
        finished = tuple(GateResult.model_validate_json(r) for _, r in rows if r is not None)
        running = tuple(gate for gate, r in rows if r is None)
        return GateProgress(max(total, len(rows)), finished, running)

    def _line(self, change_id: str) -> str:
        """The key of the newest message that is not posted yet, or of a new one."""
        lines = self._messages.keys_with_prefix(f"{change_id}:gates:")
        if lines and self._messages.is_unseen(lines[-1]):
            return lines[-1]
        return f"{change_id}:gates:{len(lines)}"

    def _post(self, change: Change, channel: str, line: str) -> None:
        with self._store.read() as db:
            rows = db.execute(
                "SELECT result FROM gates WHERE change_id = ? AND line = ? ORDER BY at",
                [change.id, line],
            ).fetchall()
        results = [GateResult.model_validate_json(result) for (result,) in rows]
        message = DesiredMessage(line, gate_lines(line, change, results), card_key(change.id))
        self._messages.ensure(channel, message, self._store.now() + self._merged)
