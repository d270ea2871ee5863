"""Mentions the approvers of a change, according to `slack.notify.approvers`."""

import time

from bot.break_glass import reviewers_of, used_break_glass
from bot.catalog import Catalog
from bot.identity import SlackIdentities
from bot.recipients import approver_groups, target_of
from engine.domain.change import Change, ChangeState

_SECONDS = 60.0


class ApproverMentions:
    """Slack is asked at most once a minute for the same groups, so not within transactions."""

    def __init__(self, catalog: Catalog, identities: SlackIdentities) -> None:
        self._catalog = catalog
        self._identities = identities
        self._known: dict[tuple[str, ...], tuple[float, str]] = {}

    def of(self, change: Change) -> str:
        """Mention the approvers, or the reviewers of a break-glass."""
        target = target_of(self._catalog.products.get(change.product), change)
        if used_break_glass(change):
            return self._mention(reviewers_of(target))
        if change.state is not ChangeState.AWAITING_APPROVAL:
            return ""
        return self._ask(change, approver_groups(change, target))

    def escalation(self, change: Change) -> str:
        """Mention the groups that may approve later than the others."""
        return self._ask(change, change.escalates_to)

    def _ask(self, change: Change, groups: tuple[str, ...]) -> str:
        platform = self._catalog.products.get(change.product)
        if groups and platform and platform.notify.approvers == "off":
            return ", ".join(f"*{group}*" for group in groups)
        return self._mention(groups)

    def _mention(self, groups: tuple[str, ...]) -> str:
        known = self._known.get(groups)
        if known is None or time.monotonic() > known[0] + _SECONDS:
            known = (time.monotonic(), self._identities.mention_groups(groups))
            self._known[groups] = known
        return known[1]
