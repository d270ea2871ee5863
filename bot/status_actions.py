"""Answers with the status of one product, or with the overview of several."""

from bot.blocks.elements import Payload
from bot.blocks.overview import render_overview
from bot.blocks.status import render_status
from bot.catalog import Catalog, may_view
from bot.identity import SlackIdentities
from bot.inbox import Action, Origin
from bot.overviews import Overviews, read_rows


class StatusActions:
    def __init__(self, catalog: Catalog, identities: SlackIdentities, overviews: Overviews) -> None:
        self._catalog = catalog
        self._identities = identities
        self._overviews = overviews

    def show_product(self, action: Action) -> Payload:
        target = action.argument("target") or None
        return self.status(action.origin, action.product, target)

    def status(self, origin: Origin, product: str, target: str | None = None) -> Payload:
        """The environments and open changes of `product`; UsageError if it cannot be seen."""
        operator, products = self._identities.resolve(origin), self._catalog.products
        platform = products.get(product)
        if platform is None or not may_view(platform, operator):
            # The same for hidden products: their names are not public.
            raise products.unusable(product)
        rows, changes = read_rows(platform, target), platform.store.open(target)
        rendering = self._catalog.rendering(product)
        return render_status(rows, changes, platform.engine.now(), rendering)

    def show_overview(self, action: Action) -> Payload:
        operator = self._identities.resolve(action.origin)
        return render_overview(self._overviews.of(operator, action.origin))
