"""
Who is a member of the workspace the app is installed in.

https://docs.slack.dev/reference/objects/user-object/ and https://docs.slack.dev/enterprise/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.domain.errors import AuthorizationError

_REFUSED = {
    "deleted": "deactivated",
    "is_bot": "a bot",
    "is_workflow_bot": "a bot",
    "is_restricted": "a guest",
    "is_ultra_restricted": "a guest",
    "is_stranger": "not a member of this workspace",
}


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where the app is installed; `enterprise` is its Enterprise Grid organization, if any."""

    team: str
    enterprise: str | None = None


def member_names(user: Mapping[str, Any], home: Workspace, asked_from: str) -> tuple[str, ...]:
    """
    The ids `user`, an answer of users.info, has in `home`; AuthorizationError for who is no member.

    In an Enterprise Grid, `team_id` is one of several workspaces, the organization or missing, so
    that only the list of workspaces counts. `asked_from` is the team of the request; a shape that
    is not documented is no membership.
    """
    for flag, what in _REFUSED.items():
        if user.get(flag):
            raise AuthorizationError(
                f"your Slack account is {what}: only members of this workspace may do this"
            )
    grid = user.get("enterprise_user")
    teams = _grid_teams(grid, home) if grid else frozenset((user.get("team_id"),))
    if home.team not in teams:
        raise AuthorizationError(
            "your Slack account belongs to another workspace: only members of this one may do this"
        )
    if asked_from not in teams:
        raise AuthorizationError(
            f"you belong to another Slack team ({asked_from or 'unknown'}): only members of this "
            "workspace may do this"
        )
    everywhere = grid.get("id") if isinstance(grid, dict) else None
    return tuple(dict.fromkeys(n for n in (user["id"], everywhere) if isinstance(n, str) and n))


def _grid_teams(grid: object, home: Workspace) -> frozenset[object]:
    """The workspaces of the user and their organization; empty for another organization's."""
    if not isinstance(grid, dict):
        return frozenset()
    enterprise, teams = grid.get("enterprise_id"), grid.get("teams")
    if not isinstance(enterprise, str) or home.enterprise not in (None, enterprise):
        return frozenset()
    if not isinstance(teams, list) or not all(isinstance(team, str) for team in teams):
        return frozenset()
    return frozenset((*teams, enterprise))
