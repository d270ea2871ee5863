"""Locks and unlocks one environment."""

from bot.blocks.elements import Payload
from bot.blocks.ephemeral import note
from bot.catalog import Catalog
from bot.identity import SlackIdentities
from bot.inbox import Action
from bot.lock_banners import LockBanners, Place
from engine.domain.operator import Operator
from engine.domain.parsing import parse_lock_request, parse_unlock_request
from engine.domain.result import Ending, Result
from engine.platform import Platform
from engine.ports import NO_PROGRESS


class LockActions:
    def __init__(self, catalog: Catalog, identities: SlackIdentities, banners: LockBanners) -> None:
        self._catalog = catalog
        self._identities = identities
        self._banners = banners

    def lock(self, action: Action) -> Payload | None:
        """Lock an environment; None if a banner shows it."""
        platform = self._catalog.of(action)
        operator = self._identities.resolve(action.origin)
        request = parse_lock_request(
            platform.engine.path,
            action.argument("target"),
            operator,
            action.trace_id,
            action.argument("reason"),
            action.argument("duration") or None,
        )
        result = platform.engine.run(request, NO_PROGRESS)
        if result.error and not (
            action.tries > 1 and holds_lock(platform, request.target, operator, request.reason)
        ):
            refuse(result)
        origin = action.origin
        place = Place(origin.channel, origin.thread) if origin.channel else None
        self._banners.refresh(platform.product, request.target, place)
        rendering = self._catalog.rendering(platform.product)
        if rendering.channel or place:
            return None
        return note(f"*{rendering.place(request.target)} is locked.*{anchor_line(result)}")

    def unlock(self, action: Action) -> Payload | None:
        platform = self._catalog.of(action)
        operator = self._identities.resolve(action.origin)
        target = action.argument("target")
        request = parse_unlock_request(
            platform.engine.path, target, operator, action.trace_id, action.argument("reason")
        )
        result: Result = platform.engine.run(request, NO_PROGRESS)
        refuse(result)
        self._banners.refresh(platform.product)
        place = self._catalog.rendering(platform.product).place(target)
        if result.outcome is Ending.UNCHANGED and action.tries <= 1:
            return note(f"*Nothing to do:* {place} is not locked.")
        return note(f"*{place} is unlocked.* Waiting changes can continue.{anchor_line(result)}")


def holds_lock(platform: Platform, target: str, operator: Operator, reason: str) -> bool:
    """Whether an earlier try took the lock, before floe stopped."""
    [row] = platform.engine.status(target)
    held = row.lock
    if held is None or held.reason != reason:
        return False
    return held.operator in operator.identities


def refuse(result: Result) -> None:
    """Raise the error of `result`."""
    if result.error:
        raise result.error


def anchor_line(result: Result) -> str:
    """The place of a record in the ledger, as a further line of an answer."""
    return f"\nAnchor: `{result.entry.anchor}`" if result.entry else ""
