"""
Checks that a user is a member of the workspace of the app.

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
    """The workspace of the app; `enterprise` is its Enterprise Grid organization, if any."""

    team: str
    enterprise: str | None = None


def member_names(user: Mapping[str, Any], home: Workspace, request_team: str) -> tuple[str, ...]:
    """
    The ids of a member of `home`; AuthorizationError if they are not a member.

    `user` is the answer of users.info, `request_team` the team of the request. In an Enterprise
    Grid, `team_id` may be another workspace, the organization or missing, so only the list of
    workspaces counts. Undocumented shapes are not accepted as membership.
    """
    for flag, kind in _REFUSED.items():
        if user.get(flag):
            raise AuthorizationError(
                f"your Slack account is {kind}: only members of this workspace may do this"
            )
    grid = user.get("enterprise_user")
    teams = _grid_teams(grid, home) if grid else frozenset((user.get("team_id"),))
    if home.team not in teams:
        raise AuthorizationError(
            "your Slack account belongs to another workspace: only members of this one may do this"
        )
    if request_team not in teams:
        raise AuthorizationError(
            f"you belong to another Slack team ({request_team or 'unknown'}): only members of this "
            "workspace may do this"
        )
    grid_id = grid.get("id") if isinstance(grid, dict) else None
    return tuple(dict.fromkeys(n for n in (user["id"], grid_id) if isinstance(n, str) and n))


def _grid_teams(grid: object, home: Workspace) -> frozenset[object]:
    """The user's workspaces and organization; empty for another organization."""
    if not isinstance(grid, dict):
        return frozenset()
    enterprise, teams = grid.get("enterprise_id"), grid.get("teams")
    if not isinstance(enterprise, str) or home.enterprise not in (None, enterprise):
        return frozenset()
    if not isinstance(teams, list) or not all(isinstance(team, str) for team in teams):
        return frozenset()
    return frozenset((*teams, enterprise))
