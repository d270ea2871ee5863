"""The products from which a person wants no direct messages."""

import json
from collections.abc import Collection

from bot.database import BotStore
from bot.inbox import Origin

MOST = 100


class Mutes:
    def __init__(self, store: BotStore) -> None:
        self._store = store

    def of(self, user: str) -> frozenset[str]:
        """The products that the Slack user muted; some may be gone."""
        return frozenset(json.loads(self._store.read_fact(_fact_name(user)) or "[]"))

    def set(self, origin: Origin, products: Collection[str]) -> None:
        """Mute `products` and no others for the person behind `origin`."""
        self._store.write_fact(_fact_name(origin.user), json.dumps(sorted(products)[:MOST]))


def _fact_name(user: str) -> str:
    return f"muted:{user}"
