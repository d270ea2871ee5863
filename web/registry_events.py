"""The events of registries: products whose repository an event names are read at once."""

import json
import secrets
from collections.abc import Iterator

from flask import Blueprint, request

from engine.config.error_messages import Node
from web.authentication import BEARER, UnauthenticatedError
from web.site import NoSuchPageError, shared

# The events of Docker registries, of Harbor, and of Harbor as CloudEvents.
_REPOSITORIES = (
    "target.repository",
    "event_data.repository.repo_full_name",
    "data.repository.repo_full_name",
)
# Harbor names only the project after it removed old tags.
_PROJECTS = ("event_data.retention.project_name", "data.retention.project_name")

events = Blueprint("registry_events", __name__)


@events.post("/-/registry-events")
def receive() -> tuple[str, int]:
    """
    Read the products again to which the events belong.

    Nothing in an event is believed: it is only a reason to look. Other content has no effect.
    """
    configured = shared().web.registry_events
    if configured is None:
        raise NoSuchPageError("This server accepts no registry events: set web.registry_events")
    given = BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    token = configured.token_env.get_secret_value()
    if not given or not secrets.compare_digest(given[1].encode(), token.encode()):
        raise UnauthenticatedError(
            "Not authenticated: send the token of web.registry_events as 'Authorization: Bearer …'"
        )
    prefixes = tuple(set(_prefixes(Node(_body()))))
    for name, site in shared().sites.items():
        # Registries have other host names inside their network, so only the path counts.
        repository = site.platform.engine.reference.partition("/")[2]
        if f"{repository}/".startswith(prefixes):
            site.platform.engine.versions.expire()
            shared().notice(name)
    return "", 202


def _body() -> object:
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError):
        return None


def _prefixes(body: Node) -> Iterator[str]:
    """The repositories and projects that changed, each with a slash at its end."""
    for event in body["events"].items or (body,):
        kind = event["action"].text or event["type"].text or ""
        # floe reads after an event: the event of that must not make it read again.
        if "pull" not in kind.lower():
            names = (event[place].text for place in (*_REPOSITORIES, *_PROJECTS))
            yield from (f"{name}/" for name in names if name)
