"""What Slack sent, read at the edge: who asked, where, and by which delivery."""

from collections.abc import Mapping
from typing import Any

from bot.inbox import Asker
from bot.modal_opener import Trigger
from engine.domain.errors import UsageError

Body = Mapping[str, Any]


def command_asker(body: Body) -> Asker:
    return _asker(
        body.get("user_id"),
        body.get("team_id"),
        body.get("channel_id"),
        None,
        body.get("response_url"),
    )


def click_asker(body: Body) -> Asker:
    """Whoever clicked; their own team, which in a shared channel may be another one."""
    user, container = _map(body, "user"), _map(body, "container")
    team = user.get("team_id") or _map(body, "team").get("id")
    channel = _map(body, "channel").get("id") or container.get("channel_id")
    thread = container.get("thread_ts") or _map(body, "message").get("thread_ts")
    return _asker(user.get("id"), team, channel, thread, body.get("response_url"))


def view_asker(body: Body, carried: Mapping[str, str]) -> Asker:
    """Whoever submitted a modal, answered where it was opened."""
    user = _map(body, "user")
    team = user.get("team_id") or _map(body, "team").get("id")
    return _asker(user.get("id"), team, carried.get("channel"), carried.get("thread") or None, None)


def event_asker(body: Body) -> Asker:
    event = _map(body, "event")
    team = event.get("user_team") or event.get("team") or body.get("team_id")
    thread = event.get("thread_ts")
    return _asker(event.get("user"), team, event.get("channel"), thread, None)


def trigger_of(body: Body, asker: Asker) -> Trigger:
    found = body.get("trigger_id")
    if not isinstance(found, str) or not found:
        raise UsageError("Slack sent no right to open a form: use the command with its arguments")
    return Trigger(found, asker)


def action_value(body: Body) -> str:
    actions = body.get("actions") or [{}]
    value = actions[0].get("value")
    return value if isinstance(value, str) else ""


def text_of(body: Body, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _map(body: Body, name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _asker(user: Any, team: Any, channel: Any, thread: Any, url: Any) -> Asker:
    if not isinstance(user, str) or not user:
        raise UsageError("Slack did not say who you are, so nothing was done")
    return Asker(user, _text(team), _text(channel), _text(thread) or None, _text(url) or None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
