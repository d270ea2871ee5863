"""An environment gets an older version only with an override, and one it had by a rollback."""

import pytest

from engine.checks.version_order import version_order
from engine.domain.artifact import Version
from engine.domain.errors import ConflictError, OlderVersionError
from engine.domain.finding import Finding, Outcome
from engine.domain.ledger import LedgerEntry
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.request import PromotionRequest
from tests.checks.contexts import ALICE, MANIFEST, REASON, TRACE, V1, entry, judge_once
from tests.domain.records import a_promotion

RECORD = entry(a_promotion(version="v1.0.0"))
OLDER = Overrides(allow_older=True, reason=REASON)


def judge_order(
    running: str | None,
    version: Version = V1,
    record: LedgerEntry | None = None,
    overrides: Overrides = NO_OVERRIDES,
) -> Finding:
    """Promote `version` to an environment that runs `running`."""
    request = PromotionRequest(version, "staging", "prod", ALICE, TRACE, overrides=overrides)
    head = entry(a_promotion(version=running)) if running else None
    return judge_once(
        version_order, request, manifest=MANIFEST, target_head=head, target_record=record
    )


@pytest.mark.parametrize(
    ("running", "version", "outcome", "reason"),
    [
        (None, "v1.0.0", Outcome.PASSED, "prod runs nothing yet"),
        (
            "v0.9.0",
            "v1.0.0",
            Outcome.PASSED,
            "v1.0.0 does not precede v0.9.0, which prod runs",
        ),
        (
            "v1.0.0",
            "v1.0.0",
            Outcome.PASSED,
            "v1.0.0 does not precede v1.0.0, which prod runs",
        ),
        (
            "v1.0.0-rc.1",
            "v1.0.0",
            Outcome.PASSED,
            "v1.0.0 does not precede v1.0.0-rc.1, which prod runs",
        ),
        (
            "nightly",
            "v1.0.0",
            Outcome.SKIPPED,
            "'nightly', which prod runs, is not a semantic version",
        ),
    ],
)
def test_version_that_precedes_none_passes(
    running: str | None, version: str, outcome: Outcome, reason: str
) -> None:
    found = judge_order(running, Version(version))

    assert (found.check, found.outcome, found.reason) == ("version order", outcome, reason)


@pytest.mark.parametrize(
    ("running", "version", "older"),
    [
        ("v1.0.0", "1.0.1", False),
        ("v1.0.0-rc.2", "v1.0.0-rc.10", False),
        ("1.0.0", "v1.0.0", False),
        ("v1.9.0", "v1.10.0", False),
        ("v1.0.0", "v1.0.0-rc.1", True),
        ("1.0.1", "v1.0.0", True),
        ("v1.10.0", "v1.9.0", True),
        ("v1.0.0-rc.1", "v1.0.0-beta", True),
    ],
)
def test_order_is_that_of_semantic_versions(running: str, version: str, older: bool) -> None:
    assert judge_order(running, Version(version)).blocks is older


@pytest.mark.parametrize(
    "overrides", [NO_OVERRIDES, Overrides(override_rollback=True, reason=REASON)]
)
def test_older_version_is_blocked(overrides: Overrides) -> None:
    found = judge_order("v2.0.0", overrides=overrides)

    assert (found.outcome, found.error) == (Outcome.BLOCKED, OlderVersionError)
    assert found.reason == (
        "v1.0.0 precedes v2.0.0, which prod runs. To promote it all the same: floe platform "
        "promote v1.0.0 --to prod --allow-older --reason …"
    )
    assert found.details == {"version": "v1.0.0", "running": "v2.0.0"}


def test_override_of_the_order_is_a_warning() -> None:
    found = judge_order("v2.0.0", overrides=OLDER)

    assert (found.outcome, found.reason) == (
        Outcome.WARNED,
        "v1.0.0 precedes v2.0.0, which prod runs. alice allows it (--allow-older): INC-42",
    )


@pytest.mark.parametrize("overrides", [NO_OVERRIDES, OLDER])
def test_older_version_that_ran_before_needs_a_rollback(overrides: Overrides) -> None:
    found = judge_order("v2.0.0", record=RECORD, overrides=overrides)

    assert (found.outcome, found.error) == (Outcome.BLOCKED, ConflictError)
    assert found.reason == (
        "v1.0.0 precedes v2.0.0, which prod runs, and was promoted there before. Roll back to it: "
        "floe platform rollback v1.0.0 --env prod --reason …"
    )
    assert found.details == {"version": "v1.0.0", "running": "v2.0.0"}
