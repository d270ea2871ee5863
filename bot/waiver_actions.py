"""Shows the waivers of a product, and ends one."""

from bot.blocks.elements import Payload, code
from bot.blocks.ephemeral import note
from bot.blocks.waivers import render_waivers
from bot.catalog import Catalog, may_view
from bot.identity import SlackIdentities
from bot.inbox import Action
from bot.lock_actions import anchor_line, refuse
from engine.domain.result import Ending
from engine.domain.waiver import waiver_key
from engine.domain.waiver_parsing import parse_unwaive_request
from engine.ports import NO_PROGRESS


class WaiverActions:
    def __init__(self, catalog: Catalog, identities: SlackIdentities) -> None:
        self._catalog = catalog
        self._identities = identities

    def show(self, action: Action) -> Payload:
        operator, products = self._identities.resolve(action.origin), self._catalog.products
        platform = products.get(action.product)
        if platform is None or not may_view(platform, operator):
            # The same for hidden products: their names are not public.
            raise products.unusable(action.product)
        rows = platform.engine.status(action.argument("target") or None)
        return render_waivers(rows, platform.engine.now(), self._catalog.rendering(action.product))

    def end(self, action: Action) -> Payload:
        platform = self._catalog.of(action)
        operator = self._identities.resolve(action.origin)
        target, package = action.argument("target"), action.argument("package") or None
        about = (action.argument("vulnerability"), package, action.argument("reason"))
        request = parse_unwaive_request(
            platform.engine.path, target, operator, action.trace_id, *about
        )
        result = platform.engine.run(request, NO_PROGRESS)
        refuse(result)
        place = self._catalog.rendering(action.product).place(target)
        key = code(waiver_key(request.vulnerability, request.package), 400)
        if result.outcome is Ending.UNCHANGED and action.tries <= 1:
            return note(f"*Nothing to do:* {key} is not waived in {place}.")
        return note(f"*The waiver of {key} in {place} has ended.*{anchor_line(result)}")
