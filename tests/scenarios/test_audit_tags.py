"""Tags that were moved, removed or created outside floe are found."""

from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.api import Engine
from engine.domain.artifact import Version
from engine.domain.request import RollbackRequest
from tests.builders import image
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.audited import audit, messages, promote_versions, summarize
from tests.scenarios.engines import ALICE, TRACE_ID, ProgressLog, engine_on, path_of, promote
from tests.scenarios.tampering import Hand

pytestmark = pytest.mark.requirement("FR-026")


def test_moved_latest_tag_is_found(hand: Hand, engine: Engine) -> None:
    hand.point("latest-staging", at="v1.0.2-staging")

    found = audit(engine)

    assert summarize(found.problems) == [("moved", "latest-staging")]
    assert "but the ledger has v1.0.5" in messages(found)
    assert "floe platform restore --env staging" in messages(found)


def test_moved_environment_tag_is_found(hand: Hand, engine: Engine) -> None:
    moved = hand.manifest("v1.0.3-dev").digest
    hand.point("v1.0.2-staging", at="v1.0.3-dev")

    found = audit(engine)

    assert summarize(found.problems) == [("moved", "v1.0.2-staging")]
    assert f"v1.0.2-staging points to {moved.short}, but entry 2" in messages(found)


def test_moved_rollback_tag_is_found(hand: Hand, engine: Engine) -> None:
    engine.run(
        RollbackRequest(Version("v1.0.2"), "staging", ALICE, TRACE_ID, "INC-1"), ProgressLog()
    )
    hand.point("v1.0.2-staging-rollback-1", at="v1.0.3-dev")

    found = audit(engine)

    assert summarize(found.problems) == [("moved", "v1.0.2-staging-rollback-1")]


def test_missing_environment_tag_is_found(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    place = Place(LayoutRegistry.create(root), lambda a, tag: oci_layout.write(root, a, tag))
    with engine_on(place.registry, tmp_path) as engine:
        promote_versions(place, engine)
        Hand(place).remove_tag("v1.0.2-staging")

        found = audit(engine)

    assert summarize(found.problems) == [("missing", "v1.0.2-staging")]


@pytest.mark.parametrize("tag", ["v9.0.0-staging", "v1.0.2-staging-rollback-1"])
def test_tag_made_by_hand_is_found(hand: Hand, engine: Engine, tag: str) -> None:
    hand.point(tag, at="v1.0.2-dev")

    found = audit(engine)

    assert summarize(found.problems) == [("unrecorded", tag)]
    assert "if a promotion was interrupted, run it again" in messages(found)


def test_tags_of_an_environment_without_promotions_are_found(hand: Hand, engine: Engine) -> None:
    hand.point("v1.0.2-prod", at="v1.0.2-staging")
    hand.point("latest-prod", at="v1.0.2-staging")

    found = audit(engine, "prod")

    assert summarize(found.problems) == [
        ("unrecorded", "v1.0.2-prod"),
        ("unrecorded", "latest-prod"),
    ]
    assert audit(engine).sound


def test_builds_may_publish_into_the_first_environment(hand: Hand, engine: Engine) -> None:
    hand.point("latest-dev", at="v1.0.2-dev")

    found = audit(engine, "dev")

    assert found.sound


def test_promoted_tag_of_the_first_environment_must_not_move(place: Place, engine: Engine) -> None:
    place.push(image(b"one"), "v1.0.0")
    place.push(image(b"two"), "v2.0.0-dev")
    promote(engine, "v1.0.0", "dev")
    Hand(place).point("v1.0.0-dev", at="v2.0.0-dev")

    found = audit(engine, "dev")

    assert summarize(found.problems) == [("moved", "v1.0.0-dev")]


def test_tag_belongs_to_the_environment_with_the_longest_name(place: Place, tmp_path: Path) -> None:
    path = path_of("dev", "pre-prod", "prod")
    with engine_on(place.registry, tmp_path, path) as engine:
        place.push(image(), "v1.0.0-dev")
        promote(engine, "v1.0.0", "pre-prod")

        report = engine.verify(None, ProgressLog())

    assert report.sound


def test_every_problem_is_found_at_once(hand: Hand, engine: Engine) -> None:
    hand.point("latest-staging", at="v1.0.1-staging")
    hand.point("v1.0.2-staging", at="v1.0.3-dev")
    hand.point("v7.0.0-staging", at="v1.0.3-dev")
    hand.remove_blob("floe-ledger.staging.1")

    found = audit(engine, full=True)

    assert summarize(found.problems) == [
        ("missing", 1),
        ("moved", "v1.0.2-staging"),
        ("unrecorded", "v7.0.0-staging"),
        ("moved", "latest-staging"),
    ]
