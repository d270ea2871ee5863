"""Parses Slack payloads: the origin, the trigger and the values of a request."""

from collections.abc import Mapping
from typing import Any

from bot.inbox import Origin
from bot.modal_opener import Trigger
from engine.domain.errors import UsageError

Body = Mapping[str, Any]


def read_command_origin(body: Body) -> Origin:
    return _make_origin(
        body.get("user_id"),
        body.get("team_id"),
        body.get("channel_id"),
        None,
        body.get("response_url"),
    )


def read_click_origin(body: Body) -> Origin:
    """The origin of a click, with the user's own team, which differs in shared channels."""
    user, container = _read_object(body, "user"), _read_object(body, "container")
    team = user.get("team_id") or _read_object(body, "team").get("id")
    channel = _read_object(body, "channel").get("id") or container.get("channel_id")
    thread = container.get("thread_ts") or _read_object(body, "message").get("thread_ts")
    return _make_origin(user.get("id"), team, channel, thread, body.get("response_url"))


def read_view_origin(body: Body, metadata: Mapping[str, str]) -> Origin:
    """The origin of a submitted modal, answered in the channel where it was opened."""
    user = _read_object(body, "user")
    team = user.get("team_id") or _read_object(body, "team").get("id")
    return _make_origin(
        user.get("id"), team, metadata.get("channel"), metadata.get("thread") or None, None
    )


def read_event_origin(body: Body) -> Origin:
    event = _read_object(body, "event")
    team = event.get("user_team") or event.get("team") or body.get("team_id")
    thread = event.get("thread_ts")
    return _make_origin(event.get("user"), team, event.get("channel"), thread, None)


def read_trigger(body: Body, origin: Origin) -> Trigger:
    found = body.get("trigger_id")
    if not isinstance(found, str) or not found:
        raise UsageError(
            "Slack's request has no trigger_id for a form: send the command with arguments"
        )
    return Trigger(found, origin)


def read_action_value(body: Body) -> str:
    actions = body.get("actions") or [{}]
    chosen = actions[0].get("selected_option") or {}
    value = actions[0].get("value") or chosen.get("value")
    return value if isinstance(value, str) else ""


def read_text(body: Body, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _read_object(body: Body, name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _make_origin(user: Any, team: Any, channel: Any, thread: Any, url: Any) -> Origin:
    if not isinstance(user, str) or not user:
        raise UsageError("Slack's request names no user, so nothing was done")
    return Origin(
        user, _string(team), _string(channel), _string(thread) or None, _string(url) or None
    )


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
