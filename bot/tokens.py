"""The credentials of the bot, from environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.domain.errors import ConfigError


@dataclass(frozen=True)
class Tokens:
    """
    The bot's credentials.

    With `app_token` the bot connects to Slack (Socket Mode). Without it, Slack sends HTTP requests
    that are signed with one of `signing_secrets`. Tests set `api_url` to a local Slack.
    """

    bot_token: str = field(repr=False)
    signing_secrets: tuple[str, ...] = field(default=(), repr=False)
    app_token: str | None = field(default=None, repr=False)
    api_url: str | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Tokens | None":
        """Read the tokens; None without SLACK_BOT_TOKEN, ConfigError if another one is missing."""
        token = environ.get("SLACK_BOT_TOKEN", "").strip()
        if not token:
            return None
        names = ("SLACK_SIGNING_SECRET", "SLACK_SIGNING_SECRET_PREVIOUS")
        secrets = tuple(s for name in names if (s := environ.get(name, "").strip()))
        app_token = environ.get("SLACK_APP_TOKEN", "").strip() or None
        if not secrets and app_token is None:
            raise ConfigError(
                "SLACK_BOT_TOKEN is set without SLACK_SIGNING_SECRET (Slack calls floe) or "
                "SLACK_APP_TOKEN (floe connects to Slack): set one of them"
            )
        return cls(token, secrets, app_token, environ.get("SLACK_API_URL", "").strip() or None)
