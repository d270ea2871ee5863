"""Delivers the webhooks of all products of a server."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from threading import Event

from engine.changes.sweeper import Workplace
from engine.ports.webhooks import NO_WEBHOOKS, WebhookSender

_LOOK_SECONDS = 5.0


class Senders(Mapping[str, WebhookSender]):
    """The senders of those products that have webhooks; `places` may change."""

    def __init__(self, places: Mapping[str, Workplace]) -> None:
        self._places = places

    def __getitem__(self, product: str) -> WebhookSender:
        sender = self._places[product].changes.runner.webhook_sender
        if sender is NO_WEBHOOKS:
            raise KeyError(product)
        return sender

    def __iter__(self) -> Iterator[str]:
        return (name for name in tuple(self._places) if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def deliver_webhooks(places: Mapping[str, Workplace], stop: Event) -> None:
    """Send due deliveries until `stop` is set."""
    senders = Senders(places)
    while not senders and not stop.wait(_LOOK_SECONDS):
        pass
    if not stop.is_set():
        # Few installations have webhooks, and the HTTP client is slow to import.
        import_module("engine.adapters.webhooks").keep_delivering(senders, stop)
