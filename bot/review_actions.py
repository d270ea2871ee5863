"""Records the review of a break-glass."""

from bot.blocks.elements import Payload
from bot.blocks.ephemeral import note
from bot.break_glass import find_review
from bot.catalog import Catalog
from bot.identity import SlackIdentities
from bot.inbox import Action
from bot.lock_actions import anchor_line, refuse
from bot.lock_banners import LockBanners
from engine.domain.parsing import parse_review_request
from engine.ports import NO_PROGRESS


class ReviewActions:
    def __init__(self, catalog: Catalog, identities: SlackIdentities, banners: LockBanners) -> None:
        self._catalog = catalog
        self._identities = identities
        self._banners = banners

    def review(self, action: Action) -> Payload | None:
        platform = self._catalog.of(action)
        operator = self._identities.resolve(action.origin)
        target, record = action.argument("target"), action.argument("record")
        accepted = action.argument("accepted") != ""
        asked = (record, action.argument("reason"), accepted)
        request = parse_review_request(
            platform.engine.path, target, operator, action.trace_id, *asked
        )
        result = platform.engine.run(request, NO_PROGRESS)
        if result.error and action.tries > 1:
            given = find_review(platform, target, record)
            if given is not None and given.operator in operator.identities:
                # It was recorded before floe stopped.
                self._banners.refresh(platform.product)
                return None
        refuse(result)
        self._banners.refresh(platform.product)
        verdict = "You accepted the break-glass" if accepted else "Your objection is recorded"
        return note(f"*{verdict}.*{anchor_line(result)}")
