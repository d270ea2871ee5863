"""Resolves Slack users to operators, verified by Slack at every action."""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.database import BotStore
from bot.inbox import Origin
from bot.membership import Workspace, member_names
from bot.webapi import SlackApi, SlackCallError
from engine.domain.errors import AuthorizationError, IdentityUnavailableError
from engine.domain.identity import Claims, Directory
from engine.domain.names import Names, canonical_name
from engine.domain.operator import IdentitySource, Operator

_log = logging.getLogger(__name__)
_CACHED_SECONDS = 60.0
_MOST_MENTIONS = 3
# Slack may ask for longer pauses, but a person waits.
_LONGEST_SECONDS = 60.0
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)
_SLACK_USER = re.compile(r"[UW][A-Z0-9]{2,20}", re.ASCII)
# The workspace has no user groups, or the bot may not read them: treated as no groups.
_NO_GROUPS = frozenset(
    {"plan_upgrade_required", "missing_scope", "unknown_method", "paid_teams_only", "no_permission"}
)


class IdentityLookupError(AuthorizationError):
    """Slack could not identify a user, so the action was not carried out."""


class SlackUnreachableError(IdentityLookupError):
    """Slack did not say who a user is; it may answer in `seconds`, or answer another server."""

    seconds = 0.0


@dataclass
class _Groups:
    """User group ids by canonical handle, and the members of the groups read so far."""

    ids: dict[str, str]
    read_at: float
    members: dict[str, frozenset[str]] = field(default_factory=dict)


class SlackIdentities:
    """
    Resolves users with users.info at every action, and their groups at most once a minute.

    Only the members of `groups`, which the rules of the products name, count. A reload changes
    `directory` and `groups`.
    """

    def __init__(
        self,
        api: SlackApi,
        store: BotStore,
        directory: Callable[[], Directory],
        groups: Callable[[], Names],
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

    def resolve(self, origin: Origin) -> Operator:
        """The operator behind a request; AuthorizationError if they are not a member."""
        home = self._workspace()
        user = self._user(origin.user)
        ids = member_names(user, home, origin.team)
        email = _email(user)
        claims = Claims(
            id=f"slack:{home.team}/{origin.user}",
            source=IdentitySource.SLACK,
            verified=True,
            verified_names=(email, *ids) if email else ids,
            groups=self._groups_of(origin.user),
        )
        operator = self._directory().operator(claims)
        if self.find_id(operator.name) != operator.id:
            self._store.write_fact(_fact_name(operator.name), operator.id)
        return operator

    def refresh_groups(self, operator: Operator) -> Operator:
        """
        Read the groups of a Slack user again; a user who is no longer a member is unverified.

        Raises IdentityUnavailableError if Slack does not answer.
        """
        team, _, user = operator.id.removeprefix("slack:").partition("/")
        try:
            now = self.resolve(Origin(user, team, channel=""))
        except IdentityLookupError as error:
            raise IdentityUnavailableError(
                f"Slack could not confirm the groups of {operator.name}: {error}"
            ) from error
        except AuthorizationError as error:
            _log.info("%s is no longer a member: %s", operator.id, error)
            return replace(operator, verified=False, groups=frozenset(), names=frozenset())
        return replace(operator, groups=now.groups, names=now.names, claimed=now.claimed)

    def member(self, user: str) -> Operator:
        """The operator with the Slack id `user`; errors are those of `resolve`."""
        return self.resolve(Origin(user, self._workspace().team, channel=""))

    def find_user(self, names: Iterable[str]) -> str:
        """
        The Slack id of the person with these `names`, or an empty string.

        Raises SlackCallError if Slack does not answer. The id is only a guess: resolve it to learn
        whether it is this person.
        """
        for name in names:
            user = self.find_id(name) or name
            user = user.rpartition("/")[2] if user.startswith("slack:") else user
            if _EMAIL.fullmatch(user):
                user = self._user_of(user)
            if _SLACK_USER.fullmatch(user):
                return user
        return ""

    def users_in(self, groups: Iterable[str], most: int) -> frozenset[str] | None:
        """
        The Slack ids of the members of `groups`, which may also be names of people.

        None if there are more than `most`. Raises SlackCallError if Slack does not answer.
        """
        known, directory = self._read_groups(), self._directory()
        found: set[str] = set()
        names: list[str] = []
        for group in groups:
            handle, listed = canonical_name(group), directory.members(group)
            if handle in known.ids:
                found |= self._members(known, handle)
            names += sorted(listed) or ([] if handle in known.ids else [group])
        if max(len(found), len(names)) > most:
            return None
        found |= {self.find_user((name, *sorted(directory.names_of(name)))) for name in names}
        found.discard("")
        return frozenset(found) if len(found) <= most else None

    def find_id(self, name: str) -> str:
        """The qualified id of a name that was resolved before, or an empty string."""
        return self._store.read_fact(_fact_name(name)) or ""

    def mention_groups(self, groups: tuple[str, ...]) -> str:
        """Mention `groups` so that Slack notifies them, or only name them if Slack fails."""
        if not groups:
            return "Approvers"
        try:
            return ", ".join(self._mention_group(group) for group in groups)
        except SlackCallError as error:
            _log.warning("approvers are not notified, because Slack could not find them: %s", error)
            return ", ".join(f"*{group}*" for group in groups)

    def clear_group_cache(self) -> None:
        """Read the groups again at the next action."""
        with self._lock:
            self._groups = None
            self._generation += 1

    def _workspace(self) -> Workspace:
        if self._home is None:
            try:
                answer = self._api.call("auth.test", {})
                self._home = Workspace(str(answer["team_id"]), answer.get("enterprise_id") or None)
            except (SlackCallError, KeyError) as error:
                raise _lookup_error("which workspace this is", error) from error
        return self._home

    def _user(self, user: str) -> Mapping[str, Any]:
        try:
            found = self._api.read("users.info", user=user).get("user")
        except SlackCallError as error:
            raise _lookup_error("who you are", error) from error
        if not isinstance(found, dict) or found.get("id") != user:
            raise IdentityLookupError(
                "Slack answered with another user, so nothing was done. Try again"
            )
        return found

    def _groups_of(self, user: str) -> frozenset[str]:
        try:
            known = self._read_groups()
            names = (canonical_name(name) for name in self._named())
            return frozenset(
                name for name in names if name in known.ids and user in self._members(known, name)
            )
        except SlackCallError as error:
            raise _lookup_error("your user groups", error) from error

    def _read_groups(self) -> _Groups:
        with self._lock:
            known, generation = self._groups, self._generation
        if known is not None and self._clock() - known.read_at < _CACHED_SECONDS:
            return known
        read_at = self._clock()
        fresh = self._list_groups(read_at) if self._named() else _Groups({}, read_at)
        with self._lock:
            # If groups changed during this read, the next action reads them again.
            if generation == self._generation:
                self._groups = fresh
        return fresh

    def _list_groups(self, read_at: float) -> _Groups:
        try:
            # One answer has the members of all groups: products may name many.
            groups = _listed(self._api.read("usergroups.list", include_users=True), "usergroups")
        except SlackCallError as error:
            if error.code in _NO_GROUPS:
                _log.info("Slack user groups are not used: %s", error)
                return _Groups({}, read_at)
            raise
        found = {
            canonical_name(str(group["handle"])): group
            for group in groups
            if isinstance(group, dict)
            and group.get("handle")
            and group.get("id")
            and not group.get("date_delete")
        }
        members = {
            name: frozenset(map(str, group["users"]))
            for name, group in found.items()
            if isinstance(group.get("users"), list)
        }
        return _Groups({name: str(group["id"]) for name, group in found.items()}, read_at, members)

    def _members(self, known: _Groups, name: str) -> frozenset[str]:
        if name not in known.members:
            answer = self._api.read("usergroups.users.list", usergroup=known.ids[name])
            known.members[name] = frozenset(map(str, _listed(answer, "users")))
        return known.members[name]

    def _mention_group(self, group: str) -> str:
        known = self._read_groups().ids.get(canonical_name(group))
        if known:
            return f"<!subteam^{known}>"
        members = sorted(self._directory().members(group))[:_MOST_MENTIONS]
        found = [mention for name in members if (mention := self._mention_person(name))]
        return f"*{group}* ({', '.join(found)})" if found else f"*{group}*"

    def _mention_person(self, name: str) -> str:
        try:
            user = self.find_user((name,))
        except SlackCallError as error:
            _log.debug("%s is not found in Slack: %s", name, error)
            return ""
        return f"<@{user}>" if user else ""

    def _user_of(self, email: str) -> str:
        try:
            return str(self._api.read("users.lookupByEmail", email=email)["user"]["id"])
        except (KeyError, TypeError):
            return ""
        except SlackCallError as error:
            if error.temporary:
                raise
            _log.debug("%s is not found in Slack: %s", email, error)
            return ""


def _fact_name(name: str) -> str:
    return f"person:{canonical_name(name)}"


def _email(user: Mapping[str, Any]) -> str | None:
    profile = user.get("profile")
    email = profile.get("email") if isinstance(profile, dict) else None
    if not isinstance(email, str) or user.get("is_email_confirmed") is False:
        return None
    return email if len(email) <= 254 and _EMAIL.fullmatch(email) else None


def _lookup_error(subject: str, error: Exception) -> IdentityLookupError:
    said = f"I could not check {subject} (Slack: {error}), so I did nothing. Try again in a moment"
    if not isinstance(error, SlackCallError) or not error.temporary:
        return IdentityLookupError(said)
    unreachable = SlackUnreachableError(said)
    unreachable.seconds = min(error.retry_after or 0.0, _LONGEST_SECONDS)
    return unreachable


def _listed(answer: Mapping[str, Any], name: str) -> list[Any]:
    found = answer.get(name)
    if not isinstance(found, list):
        raise SlackCallError(f"no {name}", temporary=True)
    return found
