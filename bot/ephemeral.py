"""What is to be said to one person alone."""

import json
import time
from dataclasses import dataclass, field

from pydantic import JsonValue

from bot.blocks.elements import Payload
from bot.database import BotStore
from bot.inbox import Asker


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one person alone, and then forgotten."""

    number: int
    asker: Asker = field(repr=False)
    arguments: dict[str, JsonValue] = field(repr=False)
    tries: int
    at: float


class Answers:
    def __init__(self, store: BotStore) -> None:
        self._store = store

    def give(self, key: str, asker: Asker, payload: Payload) -> None:
        """Once per `key`."""
        with self._store.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO answers (key, person, channel, thread, response_url, "
                "payload, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    key,
                    asker.user,
                    asker.channel,
                    asker.thread,
                    asker.response_url,
                    json.dumps(payload.arguments),
                    time.time(),
                ],
            )

    def waiting(self, now: float) -> list[Answer]:
        """Those due, one per person: the oldest."""
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT min(number), person, channel, thread, response_url, payload, tries, at, "
                "retry FROM answers GROUP BY person"
            ).fetchall()
        return [
            Answer(number, Asker(person, "", channel, thread, url), json.loads(payload), tries, at)
            for number, person, channel, thread, url, payload, tries, at, retry in rows
            if retry <= now
        ]

    def given(self, answer: Answer) -> None:
        with self._store.transaction() as db:
            db.execute("DELETE FROM answers WHERE number = ?", [answer.number])

    def later(self, answer: Answer, retry: float) -> None:
        with self._store.transaction() as db:
            db.execute(
                "UPDATE answers SET tries = tries + 1, retry = ? WHERE number = ?",
                [retry, answer.number],
            )
