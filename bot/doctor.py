"""Tries Slack: tokens, scopes, channels and user groups."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bot.tokens import Tokens
from bot.webapi import SlackApi, SlackCallError, silent_logger, web_client
from engine.config import Config
from engine.config.people import NoSignIn
from engine.doctor.diagnosis import Chart, Diagnosis
from engine.doctor.examination import System, Tries
from engine.domain.errors import ConfigError, UnavailableError
from engine.domain.names import Names, canonical_name

_CHART = Chart("Slack")
_APP = Path(__file__).with_name("slack-app.yaml")
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,20}", re.ASCII)
_REINSTALL = "in the app's settings under OAuth & Permissions, and install the app again"
# No message has this time.
_NO_MESSAGE = "1000000000.000001"
_TOMORROW = 24 * 3600
_CLOSED = {
    "not_in_channel": "the app is no member of it",
    "is_archived": "it is archived",
    "channel_not_found": "it does not exist, or is private and the app is no member of it",
    "restricted_action": "a rule of the workspace lets only some people post there",
}


def slack_system(config: Config, environ: Mapping[str, str], *, write: bool) -> System:
    """Slack with the tokens of `environ`; with `write`, a message is scheduled and removed."""
    return System(_CHART.system, lambda: _tries(config, environ, write))


def needed_scopes() -> frozenset[str]:
    """The scopes of the app's manifest."""
    app: Any = yaml.safe_load(_APP.read_text())
    return frozenset(app["oauth_config"]["scopes"]["bot"])


def _tries(config: Config, environ: Mapping[str, str], write: bool) -> Tries:
    try:
        tokens = Tokens.from_environ(environ)
    except ConfigError as error:
        yield _CHART.error("tokens", error)
        return
    if tokens is None:
        yield _CHART.not_tried("tokens", "SLACK_BOT_TOKEN is not set, so floe serves no bot")
        return
    yield from _Slack(_api(tokens.bot_token, tokens.api_url), config, write).tries()
    if tokens.app_token is not None:
        app = _api(tokens.app_token, tokens.api_url)
        yield _tried("Socket Mode", lambda: _socket(app))


def _api(token: str, url: str | None) -> SlackApi:
    # The table has the errors.
    return SlackApi(web_client(token, url, logger=silent_logger()))


def _tried(name: str, attempt: Callable[[], Diagnosis]) -> Diagnosis:
    try:
        return attempt()
    except SlackCallError as error:
        return _unanswered(name, error)


def _unanswered(name: str, error: SlackCallError) -> Diagnosis:
    if error.code == "missing_scope":
        return _CHART.failed(
            name, "the token lacks a scope for it", f"Add the scopes of slack-app.yaml {_REINSTALL}"
        )
    if error.temporary:
        advice = "Check the network between this machine and https://slack.com, and try again"
        return _CHART.failed(name, f"Slack: {error}", advice, UnavailableError)
    return _CHART.failed(name, f"Slack: {error}", "Look the error up on docs.slack.dev")


def _socket(app: SlackApi) -> Diagnosis:
    try:
        app.call("apps.connections.open", {})
    except SlackCallError as error:
        if error.temporary:
            raise
        return _CHART.failed(
            "Socket Mode",
            f"Slack refuses SLACK_APP_TOKEN ({error})",
            "Make an app-level token with the scope connections:write, and enable Socket Mode",
        )
    return _CHART.passed("Socket Mode", "Slack accepts SLACK_APP_TOKEN")


@dataclass(frozen=True)
class _Slack:
    """Asks Slack with the bot's token."""

    api: SlackApi
    config: Config
    write: bool

    def tries(self) -> Tries:
        try:
            team, granted = self.api.granted_scopes()
        except SlackCallError as error:
            yield self._refused(error)
            return
        yield _CHART.passed("token", f"Slack accepts SLACK_BOT_TOKEN for {team}")
        yield self._scopes(granted)
        yield from self._channels()
        yield from self._groups()

    def _refused(self, error: SlackCallError) -> Diagnosis:
        if error.temporary:
            return _unanswered("token", error)
        return _CHART.failed(
            "token",
            f"Slack refuses SLACK_BOT_TOKEN ({error})",
            "Copy the Bot User OAuth Token (xoxb-…) from the app's settings, and set it",
        )

    def _scopes(self, granted: frozenset[str] | None) -> Diagnosis:
        if granted is None:
            return _CHART.not_tried("scopes", "Slack does not say which scopes the token has")
        missing = sorted(needed_scopes() - granted)
        if missing:
            names = ", ".join(missing)
            return _CHART.failed("scopes", f"the token lacks {names}", f"Add {names} {_REINSTALL}")
        return _CHART.passed("scopes", "the token has all scopes of slack-app.yaml")

    def _channels(self) -> Tries:
        slack = self.config.slack
        channels = dict.fromkeys([*([slack.channel] if slack.channel else []), *slack.channels])
        if not channels:
            yield _CHART.passed("channel", "none is set: messages go where people ask")
        for channel in channels:
            yield self._id(channel) or _tried(f"channel {channel}", partial(self._ask, channel))

    def _id(self, channel: str) -> Diagnosis | None:
        if _CHANNEL.fullmatch(channel):
            return None
        return _CHART.failed(
            f"channel {channel}",
            f"'{channel}' is not the id of a channel",
            "Open the channel in Slack, click its name, copy the id at the bottom, and write it "
            "in slack.channel",
        )

    def _ask(self, channel: str) -> Diagnosis:
        """Look for a message that does not exist, which needs no scope; or schedule one."""
        name = f"channel {channel}"
        try:
            if self.write:
                return self._schedule(name, channel)
            self.api.read("chat.getPermalink", channel=channel, message_ts=_NO_MESSAGE)
        except SlackCallError as error:
            if error.code not in (*_CLOSED, "message_not_found"):
                raise
            if error.code in _CLOSED:
                return _CHART.failed(
                    name,
                    f"floe cannot post to it: {_CLOSED[error.code]}",
                    "Type /invite @floe in the channel, or correct slack.channel",
                )
        return _CHART.passed(name, "the app can see it; floe doctor --write also tries to post")

    def _schedule(self, name: str, channel: str) -> Diagnosis:
        """Schedule a message for tomorrow and remove it, so that no person sees it."""
        at = int(time.time()) + _TOMORROW
        text = "floe doctor could not remove this message"
        place = {"channel": channel}
        made = self.api.call("chat.scheduleMessage", {**place, "post_at": at, "text": text})
        message = {"scheduled_message_id": made.get("scheduled_message_id", "")}
        try:
            self.api.call("chat.deleteScheduledMessage", place | message)
        except SlackCallError as error:
            return _CHART.warning(
                name,
                f"the app may post, and a scheduled message was not removed ({error})",
                f"It says '{text}' tomorrow: delete it in the channel",
            )
        return _CHART.passed(name, "the app may post: a scheduled message was made and removed")

    def _groups(self) -> Tries:
        environments = self.config.path.environments
        named = Names(name for each in environments for name in each.groups)
        listed = {canonical_name(name) for name in self.config.identity.groups}
        wanted = [name for name in sorted(named) if canonical_name(name) not in listed]
        if not wanted:
            yield _CHART.passed("user groups", "identity.groups has all groups of the rules")
            return
        try:
            groups = self.api.read("usergroups.list").get("usergroups", [])
        except SlackCallError as error:
            yield _unanswered("user groups", error)
            return
        known = {canonical_name(str(each.get("handle"))) for each in groups if _alive(each)}
        for name in wanted:
            yield self._group(name, known)

    def _group(self, name: str, known: set[str]) -> Diagnosis:
        row = f"user group {name}"
        if canonical_name(name) in known:
            return _CHART.passed(row, "it is a user group of the workspace")
        found = "neither Slack nor identity.groups has it"
        advice = f"Create the user group @{name} in Slack, add it to identity.groups, or correct it"
        if self.config.identity.oidc or not isinstance(self.config.web.auth, NoSignIn):
            return _CHART.warning(row, f"{found}: only sign-in tokens can name its members", advice)
        return _CHART.failed(row, f"{found}, so it has no members", advice)


def _alive(group: Mapping[str, Any]) -> bool:
    return bool(group.get("handle")) and not group.get("date_delete")
