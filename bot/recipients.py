"""Finds the people in Slack who get direct messages about a change."""

import logging

from bot.catalog import may_view
from bot.identity import SlackIdentities, SlackUnreachableError
from bot.mutes import Mutes
from engine.domain.change import Change, ChangeState
from engine.domain.environment import Environment
from engine.domain.errors import AuthorizationError
from engine.domain.operator import Operator
from engine.platform import Platform

_log = logging.getLogger(__name__)
# A change with more approvers is announced in the channel only.
MOST_APPROVERS = 50


class Recipients:
    """
    Both methods return Slack ids of members who may see the product and did not mute it.

    They raise SlackCallError or SlackUnreachableError if Slack does not answer.
    """

    def __init__(self, identities: SlackIdentities, mutes: Mutes) -> None:
        self._identities = identities
        self._mutes = mutes

    def requester(self, platform: Platform, change: Change) -> list[str]:
        """The requester, unless they ended the change themselves or have no Slack account."""
        person = change.requester
        if not person.verified or (change.ended and change.ended.by in person.operator.identities):
            return []
        user = self._identities.find_user((person.id, person.name, *sorted(person.names)))
        operator = self._member(platform, user) if user else None
        return [user] if operator and person.same_as(operator) else []

    def approvers(self, platform: Platform, change: Change) -> list[str]:
        """The people who can approve `change` now; none if there may be too many."""
        target = target_of(platform, change)
        users = self._identities.users_in(approver_groups(change, target), MOST_APPROVERS)
        if users is None:
            _log.info("%s may have more than %d approvers", change.id, MOST_APPROVERS)
            return []
        return [user for user in sorted(users) if self._can_approve(platform, change, user)]

    def _can_approve(self, platform: Platform, change: Change, user: str) -> bool:
        operator = self._member(platform, user)
        return operator is not None and platform.changes.awaits(change, operator)

    def _member(self, platform: Platform, user: str) -> Operator | None:
        if platform.product in self._mutes.of(user):
            return None
        try:
            operator = self._identities.member(user)
        except SlackUnreachableError:
            raise
        except AuthorizationError as error:
            _log.info("%s gets no direct messages: %s", user, error)
            return None
        return operator if may_view(platform, operator) else None


def waits_for_approval(change: Change) -> bool:
    return change.state is ChangeState.AWAITING_APPROVAL and change.missing_approvals > 0


def target_of(platform: Platform | None, change: Change) -> Environment | None:
    """The target environment; None if it was removed from manifest.yaml."""
    environments = platform.engine.path.environments if platform else ()
    return next((each for each in environments if each.name == change.target), None)


def approver_groups(change: Change, target: Environment | None) -> tuple[str, ...]:
    """The groups that approve: without any of their own, those that may promote."""
    rules = target.authorization if target else None
    return change.groups or tuple(sorted((rules.allowed_groups if rules else None) or ()))
