"""Remembers the products that a person used last."""

import json
from collections.abc import Collection

from bot.database import BotStore
from bot.inbox import Origin

_KEPT = 10


class RecentProducts:
    def __init__(self, store: BotStore) -> None:
        self._store = store

    def list(self, origin: Origin) -> tuple[str, ...]:
        """The products that a person used, the last one first; some may be gone."""
        return tuple(json.loads(self._store.read_fact(_fact_name(origin)) or "[]"))

    def last(self, origin: Origin, known: Collection[str]) -> str:
        """The product of those `known` that a person used last, or else the first one."""
        used = (product for product in self.list(origin) if product in known)
        return next(used, next(iter(known)))

    def add(self, origin: Origin, product: str) -> None:
        """Remember that a person used `product` just now."""
        if not product:
            return
        known = self.list(origin)
        if known[:1] != (product,):
            used = dict.fromkeys([product, *known])
            self._store.write_fact(_fact_name(origin), json.dumps([*used][:_KEPT]))


def _fact_name(origin: Origin) -> str:
    return f"used:{origin.team}/{origin.user}"
