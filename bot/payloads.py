"""Parses Slack payloads: the origin, the trigger and the values of a request."""

from collections.abc import Mapping
from typing import Any

from bot.inbox import Origin
from bot.modal_opener import Trigger
from engine.domain.errors import UsageError

Body = Mapping[str, Any]


def command_origin(body: Body) -> Origin:
    return _origin(
        body.get("user_id"),
        body.get("team_id"),
        body.get("channel_id"),
        None,
        body.get("response_url"),
    )


def click_origin(body: Body) -> Origin:
    """The origin of a click, with the user's own team, which differs in shared channels."""
    user, container = _map(body, "user"), _map(body, "container")
    team = user.get("team_id") or _map(body, "team").get("id")
    channel = _map(body, "channel").get("id") or container.get("channel_id")
    thread = container.get("thread_ts") or _map(body, "message").get("thread_ts")
    return _origin(user.get("id"), team, channel, thread, body.get("response_url"))


def view_origin(body: Body, metadata: Mapping[str, str]) -> Origin:
    """The origin of a submitted modal, answered in the channel where it was opened."""
    user = _map(body, "user")
    team = user.get("team_id") or _map(body, "team").get("id")
    return _origin(
        user.get("id"), team, metadata.get("channel"), metadata.get("thread") or None, None
    )


def event_origin(body: Body) -> Origin:
    event = _map(body, "event")
    team = event.get("user_team") or event.get("team") or body.get("team_id")
    thread = event.get("thread_ts")
    return _origin(event.get("user"), team, event.get("channel"), thread, None)


def trigger_of(body: Body, origin: Origin) -> Trigger:
    found = body.get("trigger_id")
    if not isinstance(found, str) or not found:
        raise UsageError(
            "Slack's request has no trigger_id for a form: send the command with arguments"
        )
    return Trigger(found, origin)


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


def _origin(user: Any, team: Any, channel: Any, thread: Any, url: Any) -> Origin:
    if not isinstance(user, str) or not user:
        raise UsageError("Slack's request names no user, so nothing was done")
    return Origin(user, _text(team), _text(channel), _text(thread) or None, _text(url) or None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
