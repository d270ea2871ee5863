"""The products that the bot serves, and how messages show each of them."""

from collections.abc import Iterator

from bot.blocks.rendering_context import RenderingContext
from bot.identity import SlackIdentities
from bot.inbox import Action, Origin
from bot.menu import Menu
from engine.bootstrap.identity import server_rights
from engine.config import ServerConfig
from engine.domain.change import Change
from engine.domain.environment import Environment
from engine.domain.errors import AuthorizationError, UsageError
from engine.domain.names import Names
from engine.domain.operator import Operator
from engine.domain.path import PromotionPath
from engine.platform import Platform, Products


class Catalog:
    """
    Finds a product by its name, by a change, or by the channel that belongs to it.

    `people` are asked who a person is, where only members see a product. No method sends a
    request to a registry.
    """

    def __init__(
        self, products: Products, server: ServerConfig, people: SlackIdentities | None = None
    ) -> None:
        self.products = products
        self._server = server
        self.commands = server.slack.commands
        self.page = server.web.base_url
        self.channel = server.slack.channel
        self._people = people
        self._ids = people.find_id if people else _no_id
        self.now = products.worker.clock.now

    @property
    def groups(self) -> Names:
        """The groups that the rules of all products name."""
        return Names(group for each in self for group in each.engine.rights.groups)

    @property
    def several(self) -> bool:
        return self.products.several

    def __iter__(self) -> Iterator[Platform]:
        return iter(tuple(self.products.values()))

    def rendering(self, product: str) -> RenderingContext:
        """Return the settings for messages of `product`; UsageError if it cannot be used."""
        return self._rendering(self.products.named(product))

    def of(self, action: Action) -> Platform:
        """Return the product of an action; UsageError if it cannot be used."""
        return self.products.named(action.product)

    def use_slash_commands(self, text: str, product: str) -> str:
        """Replace commands in `text` by those of `product`, if this server has it."""
        platform = self.products.get(product)
        return self._rendering(platform).use_slash_commands(text) if platform else text

    def visible(self, origin: Origin) -> dict[str, Platform]:
        """The products that a person may see; AuthorizationError if there is none."""
        every = {each.product: each for each in self}
        if self._people is not None and self.members_only:
            operator = self._people.resolve(origin)
            every = {name: each for name, each in every.items() if may_view(each, operator)}
        if not every:
            raise AuthorizationError("you may not see any product of this server")
        return every

    @property
    def members_only(self) -> bool:
        """Whether people see only the products of which they are members."""
        return self.products.members_only

    def example(self, origin: Origin) -> RenderingContext:
        """The settings for messages of no certain product: that of the channel, or the first."""
        visible = self.visible(origin)
        here = self.of_channel(origin.channel)
        return self.rendering(here if here in visible else next(iter(visible)))

    def of_change(self, change: Change) -> RenderingContext:
        """The settings for messages of a change, also of a product that is no longer there."""
        platform = self.products.get(change.product)
        if platform is not None:
            return self._rendering(platform)
        path = PromotionPath((Environment(change.target),))
        page = self._page(change.product)
        return RenderingContext(
            path, self.commands, page, self.channel, self._ids, product=change.product
        )

    def change(self, change_id: str) -> Change:
        """The change of that id, or UsageError."""
        change = self.products.store.get(change_id)
        if change is None:
            raise UsageError(
                f"Change '{change_id}' not found. List changes with: floe platform changes"
            )
        return change

    def of_channel(self, channel: str) -> str | None:
        """The product that needs no name in `channel`; None if several are possible."""
        if self.products.only is not None:
            return self.products.only.product
        owners = [each.product for each in self if channel in each.channels]
        return owners[0] if len(owners) == 1 else None

    def lockable(self, origin: Origin, environment: str) -> tuple[list[str], list[str]]:
        """The products whose `environment` a person may lock, and those where they may not."""
        if self._people is None:
            return [], []
        operator = self._people.resolve(origin)
        having = {
            name: each
            for name, each in self.visible(origin).items()
            if environment in each.engine.path.names
        }
        allowed = [name for name, each in having.items() if each.may_lock(operator, environment)]
        return allowed, [name for name in having if name not in allowed]

    def search(self, typed: str, origin: Origin) -> list[str]:
        """The products whose names contain the `typed` text, best matches first."""
        text = typed.casefold()
        found = [name for name in self.visible(origin) if text in name]
        return sorted(found, key=lambda name: (not name.startswith(text), name))

    def menu(self, origin: Origin) -> Menu:
        """The products that a command from `origin` can name."""
        paths = {name: each.engine.path for name, each in self.visible(origin).items()}
        here = self.of_channel(origin.channel)
        return Menu(paths, here if here in paths else None, self._broken(origin))

    def _broken(self, origin: Origin) -> dict[str, str]:
        """The products that cannot be used, and why, as far as a person may see them."""
        found = {}
        for name, error in self.products.broken.items():
            rights = server_rights(self._server, self.products.people, name)
            if not rights.members_only or (
                self._people is not None and rights.may_operate(self._people.resolve(origin))
            ):
                found[name] = str(error)
        return found

    def _rendering(self, platform: Platform) -> RenderingContext:
        return RenderingContext(
            platform.engine.path,
            self.commands,
            self._page(platform.product),
            platform.channel,
            self._ids,
            platform.product,
        )

    def _page(self, product: str) -> str | None:
        return f"{self.page}/p/{product}" if self.page and product else self.page


def may_view(platform: Platform, operator: Operator) -> bool:
    return platform.engine.rights.may_view(operator)


def _no_id(_name: str) -> str:
    return ""
