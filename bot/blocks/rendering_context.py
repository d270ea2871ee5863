"""What messages need to know of the platform: its path, what commands are called, its web page."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.blocks.elements import link, who
from engine.config.people import SlashCommands
from engine.domain.change import Change
from engine.domain.path import PromotionPath

# What the engine advises is for the command line, which nobody has at hand in Slack.
_ADVISED = re.compile(
    r"floe platform (?P<verb>promote|rollback|unlock)(?: (?P<version>[\w.-]+))? "
    r"--(?:env|to) (?P<environment>[a-z0-9-]+)(?: --reason)?",
    re.ASCII,
)


@dataclass(frozen=True)
class Look:
    """
    `channel` is where changes are announced; None: where they were asked for. `ids` gives the
    qualified id of somebody this bot has met, by their name on record, else nothing.
    """

    path: PromotionPath
    commands: SlashCommands
    page: str | None = None
    channel: str | None = None
    ids: Callable[[str], str] = lambda _name: ""

    @property
    def last(self) -> str:
        """Production: what goes wrong there is everybody's business."""
        return self.path.names[-1]

    def again(self, change: Change) -> str:
        """The command that asks for `change` once more."""
        if change.action == "rollback":
            return f"{self.commands.rollback} {change.version} {change.target}"
        source = f" {change.source}" if change.source and change.source != "none" else ""
        options = " ".join((*change.overrides.options, "--reason …"))
        asked = f" {options}" if change.overrides else ""
        return f"{self.commands.promote} {change.version}{source} {change.target}{asked}"

    def in_slack(self, advice: str) -> str:
        """`advice` with its `floe platform …` as the slash commands they are here."""
        return _ADVISED.sub(self._typed, advice)

    def _typed(self, found: re.Match[str]) -> str:
        command: str = getattr(self.commands, found["verb"])
        return " ".join(word for word in (command, found["version"], found["environment"]) if word)

    def person(self, name: str) -> str:
        return who(name, self.ids(name))

    def decider(self, change: Change) -> str:
        return self.person(change.ended.by) if change.ended and change.ended.by else "somebody"

    def details(self, change: Change) -> str:
        """A link to the change's page, where there is one, before other parts of a line."""
        return f"{link(f'{self.page}/changes/{change.id}', 'details')} · " if self.page else ""


def step(change: Change) -> str:
    if change.action == "rollback":
        return f"{change.target} back to {change.version}"
    return f"{change.version}: {change.source} → {change.target}"
