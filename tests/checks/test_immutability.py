"""The tag of a version in an environment never moves to another artifact."""

import pytest

from engine.checks.immutability import immutability
from engine.domain.errors import TagExistsError
from engine.domain.finding import Outcome
from engine.domain.plan import Effect
from engine.domain.request import PromotionRequest
from tests.checks.contexts import ALICE, MANIFEST, OTHER, TRACE, V1, entry, judge_once
from tests.domain.records import a_promotion

REQUEST = PromotionRequest(V1, "staging", "prod", ALICE, TRACE)
SAME = entry(a_promotion(version="v1.0.0", artifact_digest=str(MANIFEST.digest)))
FACTS = {
    "manifest": MANIFEST,
    "occupant": MANIFEST.digest,
    "target_promotion": SAME,
    "target_record": SAME,
    "effect": Effect.NOTHING,
}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"occupant": None}, "v1.0.0-prod is free"),
        (
            {"target_promotion": None, "target_record": None},
            "v1.0.0-prod exists and will be recorded",
        ),
        ({"effect": Effect.CHANGE}, "v1.0.0-prod exists, and this is a new promotion"),
        ({}, "v1.0.0-prod is promoted already"),
        ({"effect": Effect.COMPLETE}, "v1.0.0-prod is promoted already"),
    ],
)
def test_tag_of_the_same_content_passes(facts: dict[str, object], reason: str) -> None:
    found = judge_once(immutability, REQUEST, **FACTS | facts)

    assert (found.outcome, found.reason) == (Outcome.PASSED, reason)


def test_tag_of_other_content_blocks() -> None:
    found = judge_once(immutability, REQUEST, **FACTS | {"occupant": OTHER, "target_record": None})

    assert (found.outcome, found.error) == (Outcome.BLOCKED, TagExistsError)
    assert found.reason == (
        f"Tag 'v1.0.0-prod' already exists with {OTHER.short}, not {MANIFEST.digest.short}, and "
        "it is immutable. Publish a new version"
    )
    assert found.details == {"tag": "v1.0.0-prod", "found": str(OTHER)}


def test_record_of_other_content_blocks_even_if_the_tag_is_free() -> None:
    record = entry(a_promotion(version="v1.0.0", artifact_digest=str(OTHER)))

    found = judge_once(immutability, REQUEST, **FACTS | {"occupant": None, "target_record": record})

    assert (found.check, found.error) == ("immutability", TagExistsError)
    assert f"v1.0.0 was promoted to prod as {OTHER.short}" in found.reason
