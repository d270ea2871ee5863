"""Notifiers of plug-ins: they take the place of a URL in the outbox of webhooks."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from engine.adapters.webhooks.attempt import Ending, Outcome
from engine.domain.delivery import Delivery
from engine.domain.errors import ConfigError
from engine.domain.text import printable
from engine.ports.plugins import NOTIFIERS, NotifierPlugin, PluginSettings
from engine.runtime.plugins import Plugin, find_plugin

_HASH_LENGTH = 16
_CHARACTERS = 200


@dataclass(frozen=True)
class Notifier:
    """The plug-in `plugin` of `package`, as manifest.yaml configures it."""

    plugin: str
    package: str
    base: Path
    product: str
    events: tuple[str, ...] = ("promote", "rollback")
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    timeout_seconds: float = 30
    retry_count: int = 3
    format: Literal["floe"] = "floe"

    @property
    def name(self) -> str:
        """The plug-in and its package, for people."""
        return f"{self.plugin} ({self.package})"

    @property
    def address(self) -> str:
        """A hash that identifies this notifier among webhooks."""
        text = f"plugin:{self.package}:{self.plugin}"
        return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]

    def attempt(self, delivery: Delivery) -> Outcome:
        """Notify once; the caller limits the time. No exception of the plug-in leaves this."""
        try:
            found = find_plugin(NOTIFIERS, self.package, self.plugin)
        except ConfigError as error:
            return Outcome(Ending.AGAIN, f"is not ready: {error}")
        try:
            self._notify(found, delivery)
        # Extensions in Rust panic with a BaseException.
        except BaseException as error:  # noqa: BLE001 - foreign code in a thread of its own
            why = printable(str(error))[:_CHARACTERS]
            return Outcome(Ending.AGAIN, f"failed in {found.label} ({type(error).__name__}: {why})")
        return Outcome(Ending.DELIVERED)

    def _notify(self, found: Plugin, delivery: Delivery) -> None:
        made = found.load()
        if not (isinstance(made, type) and issubclass(made, NotifierPlugin)):
            raise TypeError("its entry point is no NotifierPlugin")
        settings = PluginSettings(self.options, self.base, self.product)
        made(settings).notify(json.loads(delivery.body))
