"""Finds break-glass changes whose review is overdue."""

from collections.abc import Iterator

from bot.catalog import Catalog
from engine.domain.change import Change, ChangeState
from engine.domain.environment import Environment

_RECENT = 100


class OverdueReviews:
    """
    The newest break-glass changes without a review in time.

    The ledger of each is read once, when its review is due: commands review without the server.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._checked: set[str] = set()

    def find(self) -> Iterator[Change]:
        """Find those that became overdue since the last call."""
        now = self._catalog.now()
        for change in self._catalog.products.store.recent(_RECENT):
            if not used_break_glass(change) or change.id in self._checked:
                continue
            target = target_of(self._catalog, change)
            rules = target.break_glass if target else None
            if rules is None or change.recorded_at is None:
                continue
            if now >= change.recorded_at + rules.within:
                if self._is_open(change):
                    yield change
                self._checked.add(change.id)

    def _is_open(self, change: Change) -> bool:
        [row] = self._catalog.products.of(change).engine.status(change.target)
        return any(review.record == change.record_id for review in row.state.reviews)


def used_break_glass(change: Change) -> bool:
    """Whether it took effect by break-glass."""
    done = change.state is ChangeState.PROMOTED and not change.unchanged
    return done and bool(change.overrides.incident)


def target_of(catalog: Catalog, change: Change) -> Environment | None:
    """The target environment; None if it was removed from manifest.yaml."""
    environments = catalog.of_change(change).path.environments
    return next((each for each in environments if each.name == change.target), None)


def reviewers_of(target: Environment | None) -> tuple[str, ...]:
    """The groups that review a break-glass in `target`."""
    rules = target.break_glass if target else None
    if target is None or rules is None:
        return ()
    return tuple(sorted(rules.review_groups or target.approvals.approvers))
