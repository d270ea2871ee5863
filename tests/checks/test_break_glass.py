"""Break-glass depends on the reviews of earlier ones."""

from datetime import timedelta
from typing import cast

import pytest

from engine.checks.break_glass import break_glass
from engine.context.context import Context, Sources
from engine.domain.break_glass import MAX_REVIEWS, BreakGlassRules, OpenReview
from engine.domain.environment import Environment
from engine.domain.errors import LedgerUnreadableError
from engine.domain.finding import Finding, Outcome
from engine.domain.ledger import ChainEnd
from engine.domain.names import Names
from engine.domain.plan import Effect
from engine.domain.release_errors import ReviewOverdueError
from engine.domain.request import RollbackRequest
from engine.domain.state import EMPTY, state_after
from engine.ports import NO_PROGRESS, GateRunner, LedgerReader, RegistryReader
from tests.checks.contexts import (
    NOW,
    REASON,
    TRACE,
    V1,
    DirectExecutor,
    NoSource,
    entry,
    judge,
    person,
)
from tests.domain.records import GLASS, a_promotion
from tests.scenarios.engines import path_of

GLASS_PATH = path_of("dev", Environment("prod", break_glass=BreakGlassRules(Names({"sre"}))))
REQUEST = RollbackRequest(V1, "prod", person("alice", "sre"), TRACE, REASON, break_glass="INC-42")


class Ledgers:
    def __init__(self, dev: LedgerUnreadableError, prod: ChainEnd) -> None:
        self._dev, self._prod = dev, prod

    def end(self, name: str) -> ChainEnd:
        if name == "dev":
            raise self._dev
        return self._prod


BLOCKED = "The review of an earlier break-glass is overdue"


def review(minutes: int, record: str = "r-1") -> OpenReview:
    return OpenReview(
        record=record,
        version="v1.0.0",
        incident="INC-1",
        reason="down",
        operator="bob",
        operator_id="slack:bob",
        due=NOW + timedelta(minutes=minutes),
    )


def found(here: tuple[OpenReview, ...], dev: object) -> tuple[Finding, ...]:
    head = entry(a_promotion(), EMPTY.model_copy(update={"reviews": here}))
    known = {"prod": here, "dev": dev}
    facts = {"target_head": head, "open_reviews": known, "effect": Effect.CHANGE}
    return judge(break_glass, REQUEST, GLASS_PATH, **facts)


def test_unreadable_ledger_of_another_environment_only_warns() -> None:
    used, unknown = found((review(5),), LedgerUnreadableError("The ledger of 'dev' is damaged"))

    assert (used.outcome, unknown.outcome) == (Outcome.WARNED, Outcome.WARNED)
    assert unknown.reason == (
        "Whether a review is overdue in dev is unknown: The ledger of 'dev' is damaged"
    )


@pytest.mark.parametrize(("here", "dev"), [((review(0),), ()), ((), (review(0),))])
def test_overdue_review_blocks(here: tuple[OpenReview, ...], dev: tuple[OpenReview, ...]) -> None:
    (blocked,) = found(here, dev)

    assert (blocked.error, BLOCKED in blocked.reason) == (ReviewOverdueError, True)


@pytest.mark.parametrize(("count", "blocks"), [(MAX_REVIEWS - 1, False), (MAX_REVIEWS, True)])
def test_break_glass_beyond_the_open_reviews_of_an_environment_is_blocked(
    count: int, blocks: bool
) -> None:
    first, *_ = found(tuple(review(5, f"r-{number}") for number in range(count)), ())

    assert (first.error is ReviewOverdueError) is blocks
    assert ("Ask another person to run: floe platform review r-0" in first.reason) is blocks


def test_ledger_of_another_environment_that_cannot_be_read_is_reported() -> None:
    unreadable = LedgerUnreadableError("The ledger of 'dev' is damaged")
    state = EMPTY.model_copy(update={"reviews": (review(5),)})
    ledgers = cast(LedgerReader, Ledgers(unreadable, ChainEnd(entry(a_promotion(), state))))
    nothing = NoSource()
    sources = Sources(
        cast(RegistryReader, nothing), ledgers, cast(GateRunner, nothing), DirectExecutor()
    )

    context = Context(REQUEST, GLASS_PATH, sources, NOW, NO_PROGRESS)
    context.fetch([Context.open_reviews])

    assert context.open_reviews == {"prod": (review(5),), "dev": unreadable}


def test_open_review_keeps_the_start_of_a_long_reason() -> None:
    glass = GLASS.model_copy(update={"reason": "x" * 2000})

    state = state_after(EMPTY, a_promotion(break_glass=glass), 1)

    assert [len(each.reason) for each in state.reviews] == [160]
