"""A promotion needs a record in its source, a rollback one in its target, of the same content."""

import pytest

from engine.checks.promoted_before import promoted_before
from engine.checks.promoted_to_source import promoted_to_source
from engine.checks.same_content import block_other_content
from engine.domain.environment import Environment
from engine.domain.errors import TagExistsError, VersionNotPromotedError
from engine.domain.finding import Outcome
from engine.domain.record import LockRecord
from engine.domain.request import PromotionRequest, RollbackRequest
from tests.checks.contexts import ALICE, MANIFEST, OTHER, REASON, TRACE, V1, entry, judge_once
from tests.domain.records import AT, ID, WHO, a_promotion
from tests.scenarios.engines import path_of

ROLLBACK = RollbackRequest(V1, "prod", ALICE, TRACE, REASON)
SAME = entry(a_promotion(version="v1.0.0", artifact_digest=str(MANIFEST.digest)))
CHANGED = entry(a_promotion(version="v1.0.0", artifact_digest=str(OTHER)))
SHORT = MANIFEST.digest.short


def promotion(source: str, target: str) -> PromotionRequest:
    return PromotionRequest(V1, source, target, ALICE, TRACE)


@pytest.mark.requirement("FR-013")
def test_rollback_passes_to_a_recorded_version() -> None:
    found = judge_once(promoted_before, ROLLBACK, manifest=MANIFEST, recorded=SAME)

    assert (found.outcome, found.reason) == (
        Outcome.PASSED,
        "v1.0.0-prod was promoted by alice@acme.com",
    )


@pytest.mark.requirement("FR-013")
def test_rollback_to_a_version_without_a_record_is_blocked() -> None:
    found = judge_once(promoted_before, ROLLBACK, manifest=MANIFEST, recorded=None)

    assert (found.outcome, found.error) == (Outcome.BLOCKED, VersionNotPromotedError)
    assert found.reason == (
        f"Tag 'v1.0.0-prod' has {SHORT}, which was never promoted to prod as v1.0.0: the tag was "
        "set or moved outside floe. Run: floe platform audit verify --env prod"
    )
    assert found.details == {"tag": "v1.0.0-prod", "digest": str(MANIFEST.digest)}


def test_rollback_to_a_version_with_other_content_is_blocked() -> None:
    found = judge_once(promoted_before, ROLLBACK, manifest=MANIFEST, recorded=CHANGED)

    assert (found.check, found.error) == ("promoted before", TagExistsError)


@pytest.mark.parametrize(
    ("request_", "record", "reason"),
    [
        (promotion("none", "dev"), None, "v1.0.0 is published by the build"),
        (promotion("dev", "staging"), None, "v1.0.0-dev is published by the build"),
        (promotion("dev", "staging"), SAME, f"{ID} brought it to dev"),
        (promotion("staging", "prod"), SAME, f"{ID} brought it to staging"),
    ],
)
def test_promotion_passes_from_the_build_or_with_a_record(
    request_: PromotionRequest, record: object, reason: str
) -> None:
    found = judge_once(promoted_to_source, request_, manifest=MANIFEST, source_records=(record,))

    assert (found.outcome, found.reason) == (Outcome.PASSED, reason)


def test_promotion_of_an_artifact_without_a_record_is_blocked() -> None:
    found = judge_once(
        promoted_to_source, promotion("staging", "prod"), manifest=MANIFEST, source_records=(None,)
    )

    assert (found.outcome, found.error) == (Outcome.BLOCKED, VersionNotPromotedError)
    assert found.reason == (
        f"v1.0.0-staging has {SHORT}, which was never promoted to staging as v1.0.0: promote it "
        "there first (floe platform promote v1.0.0 --to staging)"
    )
    assert found.details == {"tag": "v1.0.0-staging", "environment": "staging"}


def test_promotion_from_any_source_needs_one_that_has_the_artifact() -> None:
    prod = Environment("prod", after=("eu", "us"), any_source=True)
    path = path_of(
        "dev", Environment("eu", after=("dev",)), Environment("us", after=("dev",)), prod
    )

    found = judge_once(
        promoted_to_source,
        promotion("eu or us", "prod"),
        path,
        manifest=MANIFEST,
        source_manifests=(None, None),
        source_records=(SAME, None),
    )

    assert (found.outcome, found.error) == (Outcome.BLOCKED, VersionNotPromotedError)
    assert found.reason == (
        f"prod takes v1.0.0 from eu or us, and eu does not have it as {SHORT}: promote it there "
        "first (floe platform promote v1.0.0 --to eu)"
    )


@pytest.mark.parametrize("request_", [promotion("dev", "staging"), promotion("staging", "prod")])
def test_promotion_of_other_content_than_recorded_is_blocked(request_: PromotionRequest) -> None:
    found = judge_once(promoted_to_source, request_, manifest=MANIFEST, source_records=(CHANGED,))

    assert (found.check, found.error) == ("promoted before", TagExistsError)


def test_other_content_names_both_digests_and_the_record() -> None:
    found = block_other_content("rule", V1, Environment("prod"), CHANGED, MANIFEST.digest)

    assert found is not None
    assert (found.check, found.outcome, found.error) == ("rule", Outcome.BLOCKED, TagExistsError)
    assert found.reason == (
        f"v1.0.0 was promoted to prod as {OTHER.short} by alice@acme.com on 2026-01-02 03:04:05 "
        f"UTC (record {ID}) and is {SHORT} now: a version must keep its content. Publish a new "
        "version, and run: floe platform audit verify --env prod"
    )
    assert found.details == {
        "version": "v1.0.0",
        "recorded": str(OTHER),
        "found": str(MANIFEST.digest),
        "record": str(ID),
    }


def test_same_content_and_records_without_an_artifact_do_not_block() -> None:
    fields = {"lock_id": ID, "environment": "prod", "reason": "freeze", "locked_at": AT}
    lock = entry(LockRecord.model_validate(WHO | fields))

    for record in (SAME, lock):
        assert block_other_content("rule", V1, Environment("prod"), record, MANIFEST.digest) is None
