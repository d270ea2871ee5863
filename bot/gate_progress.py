"""How far the gates of a change are, and the lines about them in its thread."""

import time
from typing import Any

from pydantic import ValidationError

from bot.blocks.change import GateProgress
from bot.blocks.gates import gate_lines
from bot.database import BotStore
from bot.message_store import Messages, Wanted
from bot.thread_content import root_key
from engine.domain.gate import GateResult

# Gates that end within this many seconds of each other share a line.
MERGED = 1.0
_KEPT_SECONDS = 30 * 86400


class GateLog:
    def __init__(self, store: BotStore, messages: Messages, merged: float = MERGED) -> None:
        self._store = store
        self._messages = messages
        self._merged = merged

    def started(self, change_id: str, gate: str) -> None:
        with self._store.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO gates (change_id, gate, status, at) "
                "VALUES (?, ?, 'running', ?)",
                [change_id, gate, time.time()],
            )
            db.execute("DELETE FROM gates WHERE at < ?", [time.time() - _KEPT_SECONDS])

    def finished(self, change_id: str, channel: str | None, document: Any) -> None:
        """Kept, and said in `channel` if there is one: with those that ended just before."""
        try:
            result = GateResult.model_validate(document)
        except ValidationError:
            # The feed of a newer floe; how the change ends is told all the same.
            return
        line = self._line(change_id) if channel else None
        with self._store.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO gates (change_id, gate, status, result, line, at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [
                    change_id,
                    result.gate.value,
                    result.status.value,
                    result.model_dump_json(),
                    line,
                    time.time(),
                ],
            )
        if channel and line:
            self._say(change_id, channel, line)

    def progress(self, change_id: str, total: int) -> GateProgress:
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT gate, result FROM gates WHERE change_id = ? ORDER BY at", [change_id]
            ).fetchall()
        finished = tuple(GateResult.model_validate_json(r) for _, r in rows if r is not None)
        running = tuple(gate for gate, r in rows if r is None)
        return GateProgress(max(total, len(rows)), finished, running)

    def _line(self, change_id: str) -> str:
        """The newest line nobody has seen yet, else a new one."""
        lines = self._messages.under(f"{change_id}:gates:")
        if lines and self._messages.unsent(lines[-1]):
            return lines[-1]
        return f"{change_id}:gates:{len(lines)}"

    def _say(self, change_id: str, channel: str, line: str) -> None:
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT result FROM gates WHERE change_id = ? AND line = ? ORDER BY at",
                [change_id, line],
            ).fetchall()
        results = [GateResult.model_validate_json(result) for (result,) in rows]
        wanted = Wanted(line, gate_lines(line, results), root_key(change_id))
        self._messages.want(channel, wanted, time.time() + self._merged)
