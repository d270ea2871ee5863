"""The environment of an open review."""

import pytest

from engine.domain.errors import LedgerUnreadableError, UsageError
from engine.domain.state import EMPTY, state_after
from engine.domain.status import EnvironmentStatus, reviewed_environment
from tests.domain.records import GLASS, a_promotion

RECORD = a_promotion(break_glass=GLASS)
PROD = EnvironmentStatus("prod", state_after(EMPTY, RECORD, 1), None, None)
UNREADABLE = EnvironmentStatus(
    "dev", EMPTY, None, None, error=LedgerUnreadableError("The ledger of 'dev' is damaged")
)


def test_reviewed_environment_is_found_beside_an_unreadable_one() -> None:
    assert reviewed_environment([UNREADABLE, PROD], RECORD.id) == "prod"


def test_unreadable_environment_may_have_the_review() -> None:
    with pytest.raises(LedgerUnreadableError, match="The ledger of 'dev' is damaged"):
        reviewed_environment([UNREADABLE, PROD], "another")


def test_record_without_an_open_review_is_reported() -> None:
    with pytest.raises(UsageError, match="has no open review"):
        reviewed_environment([PROD], "another")
