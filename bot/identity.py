"""From a Slack user to who they are: verified by Slack now, or refused."""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.database import BotStore
from bot.inbox import Asker
from bot.membership import Workspace, member_names
from bot.webapi import SlackApi, SlackTrouble
from engine.domain.errors import AuthorizationError, IdentityUnavailableError
from engine.domain.identity import Claims, Directory
from engine.domain.names import Names, canonical_name
from engine.domain.operator import IdentitySource, Operator

_log = logging.getLogger(__name__)
_CACHED_SECONDS = 60.0
_MOST_MENTIONS = 3
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)
_SLACK_USER = re.compile(r"[UW][A-Z0-9]{2,20}", re.ASCII)
# The workspace has no user groups, or does not show them to us: nobody is in one.
_NO_GROUPS = frozenset(
    {"plan_upgrade_required", "missing_scope", "unknown_method", "paid_teams_only", "no_permission"}
)


class LookUpFailedError(AuthorizationError):
    """Slack could not say who somebody is, so nothing was done for them."""


@dataclass
class _Groups:
    """User groups by canonical handle, and the members of those that were asked for."""

    ids: dict[str, str]
    read_at: float
    members: dict[str, frozenset[str]] = field(default_factory=dict)


class People:
    """
    Who is behind a click. users.info is asked every time; user groups at most once a minute.

    `groups` are those that some rule speaks of: Slack is asked about no others.
    """

    def __init__(
        self,
        api: SlackApi,
        store: BotStore,
        directory: Directory,
        groups: Names,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._store = store
        self._directory = directory
        self._named = groups
        self._clock = clock
        self._lock = threading.Lock()
        self._groups: _Groups | None = None
        self._generation = 0
        self._home: Workspace | None = None

    def operator(self, asker: Asker) -> Operator:
        """Whoever that is now; AuthorizationError for whom nobody here vouches."""
        home = self._workspace()
        user = self._user(asker.user)
        ids = member_names(user, home, asker.team)
        email = _email(user)
        claims = Claims(
            id=f"slack:{home.team}/{asker.user}",
            source=IdentitySource.SLACK,
            verified=True,
            verified_names=(email, *ids) if email else ids,
            groups=self._groups_of(asker.user),
        )
        operator = self._directory.operator(claims)
        if self.id_of(operator.name) != operator.id:
            self._store.keep_fact(_fact(operator.name), operator.id)
        return operator

    def regroup(self, operator: Operator) -> Operator:
        """
        Somebody who came through Slack, with the groups they are in now; not verified any more
        where Slack would refuse them today. IdentityUnavailableError where it cannot say.
        """
        team, _, user = operator.id.removeprefix("slack:").partition("/")
        try:
            now = self.operator(Asker(user, team, channel=""))
        except LookUpFailedError as error:
            raise IdentityUnavailableError(
                f"Whether {operator.name} still may cannot be asked: {error}"
            ) from error
        except AuthorizationError as error:
            _log.info("%s counts no more: %s", operator.id, error)
            return replace(operator, verified=False, groups=frozenset(), names=frozenset())
        return replace(operator, groups=now.groups, names=now.names, claimed=now.claimed)

    def id_of(self, name: str) -> str:
        """The qualified id of somebody met before."""
        return self._store.fact(_fact(name)) or ""

    def mention(self, groups: tuple[str, ...]) -> str:
        """Whom an ask is put to, so that Slack tells them; never refuses and never raises."""
        if not groups:
            return "Approvers"
        try:
            return ", ".join(self._mention(group) for group in groups)
        except SlackTrouble as trouble:
            _log.warning("approvers are named without being notified: %s", trouble)
            return ", ".join(f"*{group}*" for group in groups)

    def forget_groups(self) -> None:
        """Somebody changed them."""
        with self._lock:
            self._groups = None
            self._generation += 1

    def _workspace(self) -> Workspace:
        if self._home is None:
            try:
                told = self._api.call("auth.test", {})
                self._home = Workspace(str(told["team_id"]), told.get("enterprise_id") or None)
            except (SlackTrouble, KeyError) as trouble:
                raise _failed("which workspace this is", trouble) from trouble
        return self._home

    def _user(self, user: str) -> Mapping[str, Any]:
        try:
            found = self._api.read("users.info", user=user).get("user")
        except SlackTrouble as trouble:
            raise _failed("who you are", trouble) from trouble
        if not isinstance(found, dict) or found.get("id") != user:
            raise LookUpFailedError(
                "Slack's answer about who you are was not about you, so nothing was done: try again"
            )
        return found

    def _groups_of(self, user: str) -> frozenset[str]:
        try:
            known = self._read_groups()
            wanted = (canonical_name(name) for name in self._named)
            return frozenset(
                name for name in wanted if name in known.ids and user in self._members(known, name)
            )
        except SlackTrouble as trouble:
            raise _failed("your user groups", trouble) from trouble

    def _read_groups(self) -> _Groups:
        with self._lock:
            known, generation = self._groups, self._generation
        if known is not None and self._clock() - known.read_at < _CACHED_SECONDS:
            return known
        read_at = self._clock()
        fresh = _Groups(self._list_groups() if self._named else {}, read_at)
        with self._lock:
            # What was changed while it was read is read again next time.
            if generation == self._generation:
                self._groups = fresh
        return fresh

    def _list_groups(self) -> dict[str, str]:
        try:
            listed = self._api.read("usergroups.list").get("usergroups", [])
        except SlackTrouble as trouble:
            if trouble.code in _NO_GROUPS:
                _log.info("Slack user groups are not used: %s", trouble)
                return {}
            raise
        return {
            canonical_name(str(group["handle"])): str(group["id"])
            for group in listed
            if group.get("handle") and group.get("id") and not group.get("date_delete")
        }

    def _members(self, known: _Groups, name: str) -> frozenset[str]:
        if name not in known.members:
            listed = self._api.read("usergroups.users.list", usergroup=known.ids[name])
            known.members[name] = frozenset(map(str, listed.get("users", [])))
        return known.members[name]

    def _mention(self, group: str) -> str:
        known = self._read_groups().ids.get(canonical_name(group))
        if known:
            return f"<!subteam^{known}>"
        members = sorted(self._directory.members(group))[:_MOST_MENTIONS]
        found = [mention for name in members if (mention := self._mention_of(name))]
        return f"*{group}* ({', '.join(found)})" if found else f"*{group}*"

    def _mention_of(self, name: str) -> str:
        met = self.id_of(name).rpartition("/")[2]
        if not met and _SLACK_USER.fullmatch(name):
            met = name
        if not met and _EMAIL.fullmatch(name):
            try:
                met = str(self._api.read("users.lookupByEmail", email=name)["user"]["id"])
            except (SlackTrouble, KeyError, TypeError) as error:
                _log.debug("%s is not found in Slack: %s", name, error)
        return f"<@{met}>" if _SLACK_USER.fullmatch(met) else ""


def _fact(name: str) -> str:
    return f"person:{canonical_name(name)}"


def _email(user: Mapping[str, Any]) -> str | None:
    profile = user.get("profile")
    email = profile.get("email") if isinstance(profile, dict) else None
    if not isinstance(email, str) or user.get("is_email_confirmed") is False:
        return None
    return email if len(email) <= 254 and _EMAIL.fullmatch(email) else None


def _failed(what: str, trouble: Exception) -> LookUpFailedError:
    return LookUpFailedError(
        f"I could not check {what} (Slack: {trouble}), so I did nothing. Try again in a moment"
    )
