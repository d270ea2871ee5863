"""The Slack face: parse, ask the engine, render."""

import logging
from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App

from bot.blocks import escaped, status_blocks, status_text
from engine.api import Engine
from engine.domain.errors import PromotionError

_log = logging.getLogger(__name__)


def add_listeners(app: App, engine: Engine, promotions: str) -> App:
    """Let `app` answer the command named `promotions` (`/status` belongs to Slack itself)."""
    app.command(promotions)(_answer_promotions(engine))
    return app


def _answer_promotions(engine: Engine) -> Callable[..., None]:
    def answer(ack: Ack, command: dict[str, Any]) -> None:
        environment = command.get("text", "").strip()
        try:
            if environment:
                engine.path.environment(environment)
            rows = tuple(row for row in engine.status() if environment in ("", row.name))
        except PromotionError as error:
            _log.warning("promotions: %s", error)
            said = f"Not shown: {escaped(str(error), 2000)}"
            ack(text=said, response_type="ephemeral")
            return
        ack(text=status_text(rows), blocks=status_blocks(rows), response_type="ephemeral")

    return answer
