"""The store of messages that only one person sees."""

import json
from dataclasses import dataclass, field

from pydantic import JsonValue

from bot.blocks.elements import Payload
from bot.database import BotStore
from bot.inbox import Origin
from engine.runtime.wakeups import Topic


@dataclass(frozen=True, slots=True)
class EphemeralMessage:
    """A message for one person, deleted once it was sent."""

    number: int
    origin: Origin = field(repr=False)
    arguments: dict[str, JsonValue] = field(repr=False)
    tries: int
    at: float


class EphemeralStore:
    def __init__(self, store: BotStore) -> None:
        self._store = store

    def add(self, key: str, origin: Origin, payload: Payload) -> None:
        """Store a message, unless one with this `key` is stored. Slack may wait for it."""
        with self._store.transaction(urgent=True) as db:
            db.execute(
                "INSERT INTO answers (key, person, channel, thread, response_url, payload, at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                [
                    key,
                    origin.user,
                    origin.channel,
                    origin.thread,
                    origin.response_url,
                    json.dumps(payload.arguments),
                    self._store.now(),
                ],
            )
            db.announce(Topic.MESSAGES)

    def due(self, now: float) -> list[EphemeralMessage]:
        """The oldest message of each person, if it is due at `now`."""
        with self._store.read() as db:
            rows = db.execute(
                "SELECT number, person, channel, thread, response_url, payload, tries, at, retry "
                "FROM answers WHERE number IN (SELECT min(number) FROM answers GROUP BY person)"
            ).fetchall()
        return [
            EphemeralMessage(
                number, Origin(person, "", channel, thread, url), json.loads(payload), tries, at
            )
            for number, person, channel, thread, url, payload, tries, at, retry in rows
            if retry <= now
        ]

    def remove(self, answer: EphemeralMessage) -> None:
        with self._store.transaction() as db:
            db.execute("DELETE FROM answers WHERE number = ?", [answer.number])

    def postpone(self, answer: EphemeralMessage, retry: float) -> None:
        with self._store.transaction() as db:
            db.execute(
                "UPDATE answers SET tries = tries + 1, retry = ? WHERE number = ?",
                [retry, answer.number],
            )
