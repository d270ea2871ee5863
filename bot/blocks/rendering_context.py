"""Facts about a product that messages show: path, command names, web page."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.blocks.elements import link, mention
from engine.config.people import SlashCommands
from engine.domain.change import Change
from engine.domain.path import PromotionPath
from engine.domain.product import UNNAMED, with_product
from engine.domain.waiver import waive_command

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

    `ids` returns the qualified id of a recorded name, or an empty string. Commands and environments
    are shown with the name of the `product`, which is empty where there is one manifest.
    """

    path: PromotionPath
    commands: SlashCommands
    page: str | None = None
    channel: str | None = None
    ids: Callable[[str], str] = lambda _name: ""
    product: str = UNNAMED

    @property
    def last_environment(self) -> str:
        """The last environment of the path: production."""
        return self.path.names[-1]

    @property
    def break_glass_groups(self) -> tuple[str, ...]:
        """The groups that may use break-glass; empty where it is not configured."""
        rules = (each.break_glass for each in self.path.environments)
        return tuple(sorted({group for each in rules if each for group in each.groups}))

    def retry_command(self, change: Change) -> str:
        """The command that requests `change` again."""
        if change.waiver is not None:
            return waive_command(change.waiver.key, change.target)
        if change.action == "rollback":
            glass = (*change.overrides.options, "--reason …") if change.overrides else ()
            return self.command("rollback", change.version, change.target, *glass)
        # Several sources are not written: a command finds them.
        source = change.source if change.source in self.path.names else None
        overrides = (*change.overrides.options, "--reason …") if change.overrides else ()
        return self.command("promote", change.version, source, change.target, *overrides)

    def command(self, verb: str, *words: str | None) -> str:
        """The slash command `verb` of this product with `words`, of which some may be empty."""
        name: str = getattr(self.commands, verb)
        return " ".join(word for word in (name, self.product, *words) if word)

    def place(self, environment: str) -> str:
        """The environment as people read it: `checkout prod`, or `prod` with one manifest."""
        return f"{self.product} {environment}" if self.product else environment

    def use_slash_commands(self, text: str) -> str:
        """Replace commands in `text` by slash commands; the others name the product."""
        return with_product(_CLI_COMMAND.sub(self._slash_command, text), self.product)

    def _slash_command(self, found: re.Match[str]) -> str:
        return self.command(found["verb"], found["version"], found["environment"])

    def mention(self, name: str) -> str:
        return mention(name, self.ids(name))

    def mention_decider(self, change: Change) -> str:
        return self.mention(change.ended.by) if change.ended and change.ended.by else "someone"

    def details_link(self, change: Change) -> str:
        """A link to the change's web page and a separator; empty without a web page."""
        return f"{link(f'{self.page}/changes/{change.id}', 'details')} · " if self.page else ""


def describe_step(change: Change) -> str:
    product = f"{change.product} " if change.product else ""
    if change.waiver is not None:
        return f"Waive {change.waiver.shown} in {product}{change.target}"
    if change.action == "rollback":
        return f"{product}{change.target} back to {change.version}"
    return f"{product}{change.version}: {change.source} → {change.target}"


def short_step(change: Change) -> str:
    """The step in as few words as a phone shows, to follow a verb: `approve v1.2.3 → prod`."""
    product = f"{change.product} " if change.product else ""
    if change.waiver is not None:
        return f"the waiver of {change.waiver.shown} in {product}{change.target}"
    if change.action == "rollback":
        return f"the rollback of {product}{change.target} to {change.version}"
    return f"{product}{change.version} → {change.target}"
