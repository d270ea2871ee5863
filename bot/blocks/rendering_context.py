"""Facts about the platform that messages show: path, command names, web page."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.blocks.elements import link, mention
from engine.config.people import SlashCommands
from engine.domain.change import Change
from engine.domain.path import PromotionPath

# Hints of the engine name CLI commands; people in Slack have slash commands instead.
_CLI_COMMAND = re.compile(
    r"floe platform (?P<verb>promote|rollback|unlock)(?: (?P<version>[\w.-]+))? "
    r"--(?:env|to) (?P<environment>[a-z0-9-]+)(?: --reason)?",
    re.ASCII,
)


@dataclass(frozen=True)
class RenderingContext:
    """
    The settings for rendering. Without a `channel`, a change is announced where it was requested.

    `ids` returns the qualified id of a recorded name, or an empty string.
    """

    path: PromotionPath
    commands: SlashCommands
    page: str | None = None
    channel: str | None = None
    ids: Callable[[str], str] = lambda _name: ""

    @property
    def last_environment(self) -> str:
        """The last environment of the path: production."""
        return self.path.names[-1]

    def retry_command(self, change: Change) -> str:
        """The command that requests `change` again."""
        if change.action == "rollback":
            return f"{self.commands.rollback} {change.version} {change.target}"
        source = f" {change.source}" if change.source and change.source != "none" else ""
        options = " ".join((*change.overrides.options, "--reason …"))
        overrides = f" {options}" if change.overrides else ""
        return f"{self.commands.promote} {change.version}{source} {change.target}{overrides}"

    def use_slash_commands(self, text: str) -> str:
        """Replace `floe platform …` commands in `text` by slash commands."""
        return _CLI_COMMAND.sub(self._slash_command, text)

    def _slash_command(self, found: re.Match[str]) -> str:
        command: str = getattr(self.commands, found["verb"])
        return " ".join(word for word in (command, found["version"], found["environment"]) if word)

    def mention(self, name: str) -> str:
        return mention(name, self.ids(name))

    def mention_decider(self, change: Change) -> str:
        return self.mention(change.ended.by) if change.ended and change.ended.by else "someone"

    def details_link(self, change: Change) -> str:
        """A link to the change's web page and a separator; empty without a web page."""
        return f"{link(f'{self.page}/changes/{change.id}', 'details')} · " if self.page else ""


def describe_step(change: Change) -> str:
    if change.action == "rollback":
        return f"{change.target} back to {change.version}"
    return f"{change.version}: {change.source} → {change.target}"
