"""What people asked for, kept before it is acknowledged: done exactly once, whatever happens."""

import hashlib
import json
import time
from dataclasses import dataclass, replace

from pydantic import JsonValue

from bot.store import BotStore

_KEPT_SECONDS = 48 * 3600


@dataclass(frozen=True, slots=True)
class Asker:
    """
    Whoever asked and where: as Slack signed it. `thread` is the thread they are in, and
    `response_url` answers them alone, for half an hour.
    """

    user: str
    team: str
    channel: str
    thread: str | None = None
    response_url: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One accepted action. `key` is the same for every delivery of it, `tries` counts attempts."""

    key: str
    kind: str
    asker: Asker
    trace_id: str
    words: dict[str, JsonValue]
    tries: int = 0

    def text(self, name: str) -> str:
        value = self.words.get(name)
        return value if isinstance(value, str) else ""


def key_of(kind: str, *parts: str) -> str:
    """Ids of deliveries can be secrets (trigger_id), so only their digest is kept."""
    return f"{kind}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"


class Inbox:
    def __init__(self, store: BotStore) -> None:
        self._store = store

    def accept(self, asked: Asked) -> bool:
        """Keep it; False when it was delivered before."""
        document = json.dumps(
            {
                "user": asked.asker.user,
                "team": asked.asker.team,
                "channel": asked.asker.channel,
                "thread": asked.asker.thread,
                "response_url": asked.asker.response_url,
                "trace_id": asked.trace_id,
                "words": asked.words,
            }
        )
        with self._store.transaction() as db:
            found = db.execute(
                "INSERT OR IGNORE INTO inbox (key, kind, at, document) VALUES (?, ?, ?, ?)",
                [asked.key, asked.kind, time.time(), document],
            )
            return bool(found.rowcount == 1)

    def waiting(self) -> list[Asked]:
        """What was accepted and not done, in that order: also what a crash left."""
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT key, kind, tries, document FROM inbox WHERE done = 0 ORDER BY number"
            ).fetchall()
        return [_asked(*row) for row in rows]

    def begin(self, asked: Asked) -> Asked:
        with self._store.transaction() as db:
            db.execute("UPDATE inbox SET tries = tries + 1 WHERE key = ?", [asked.key])
        return replace(asked, tries=asked.tries + 1)

    def finish(self, asked: Asked) -> None:
        """Its key stays, so that a late delivery of it is known."""
        with self._store.transaction() as db:
            db.execute("UPDATE inbox SET done = 1, document = '{}' WHERE key = ?", [asked.key])
            db.execute("DELETE FROM inbox WHERE done = 1 AND at < ?", [time.time() - _KEPT_SECONDS])


def _asked(key: str, kind: str, tries: int, document: str) -> Asked:
    kept = json.loads(document)
    asker = Asker(kept["user"], kept["team"], kept["channel"], kept["thread"], kept["response_url"])
    return Asked(key, kind, asker, kept["trace_id"], kept["words"], tries)
