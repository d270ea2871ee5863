"""A latest tag that was moved outside floe is shown, and restored with a record."""

from dataclasses import replace

import pytest

from engine.api import Engine
from engine.domain.artifact import Digest, Tag
from engine.domain.environment import Authorization
from engine.domain.errors import AuthorizationError, ConflictError, VersionNotPromotedError
from engine.domain.operator import Operator
from engine.domain.parsing import parse_restore_request
from engine.domain.path import PromotionPath
from engine.domain.result import Ending, Result
from engine.domain.status import Alignment, EnvironmentStatus
from engine.domain.upkeep_records import RestoreRecord
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import ALICE, TRACE_ID, ProgressLog, person, promote, with_parts
from tests.scenarios.verbs import artifact, build_and_promote, kinds, lock, roll_back

BY_HAND = image(b"by hand")


@pytest.fixture
def drifted(place: Place, engine: Engine) -> Engine:
    """Staging runs v1.2.0 by the ledger; its latest tag was moved to v1.0.0."""
    build_and_promote(place, engine, "v1.0.0", "v1.1.0", "v1.2.0")
    place.push(artifact("v1.0.0"), "latest-staging")
    return engine


def restore(engine: Engine, reason: str | None = None, operator: Operator = ALICE) -> Result:
    request = parse_restore_request(engine.path, "staging", operator, TRACE_ID, reason)
    return engine.run(request, ProgressLog())


def staging(engine: Engine) -> EnvironmentStatus:
    return engine.status()[1]


def latest(engine: Engine) -> Digest | None:
    return engine.runner.registry.resolve(Tag("latest-staging"))


def test_status_shows_the_deployed_and_the_expected_version(drifted: Engine) -> None:
    found = staging(drifted)

    assert found.drifted
    assert found.deployed_version == "v1.0.0"
    assert found.deviation == "deployed: v1.0.0, moved outside floe; should be v1.2.0"


def test_deployed_artifact_without_a_version_is_shown_by_digest(
    place: Place, drifted: Engine
) -> None:
    place.push(BY_HAND, "latest-staging")

    found = staging(drifted)

    assert found.deployed_version is None
    assert BY_HAND.manifest.digest.short in found.deviation


def test_version_without_a_record_is_shown_by_tag(place: Place, drifted: Engine) -> None:
    place.push(BY_HAND, "v9.0.0-staging")
    place.push(BY_HAND, "latest-staging")

    assert staging(drifted).deployed_version == "v9.0.0"


def test_latest_tag_at_the_previous_version_is_shown_as_drift(
    place: Place, drifted: Engine
) -> None:
    place.push(artifact("v1.1.0"), "latest-staging")

    found = staging(drifted)

    assert found.alignment is Alignment.COMPLETING
    assert found.deviation.startswith("deployed: v1.1.0; v1.2.0 is recorded")


def test_restore_moves_latest_back_with_its_own_record(drifted: Engine) -> None:
    before = staging(drifted).state

    result = restore(drifted, "INC-7: moved by hand")

    assert result.outcome is Ending.RESTORED
    record = result.record
    assert isinstance(record, RestoreRecord)
    assert (record.version, record.previous_version) == ("v1.2.0", "v1.0.0")
    assert record.previous_digest == str(artifact("v1.0.0").manifest.digest)
    assert (record.operator, record.reason) == (ALICE.name, "INC-7: moved by hand")
    assert latest(drifted) == artifact("v1.2.0").manifest.digest
    assert kinds(drifted) == ["promotion", "promotion", "promotion", "restore"]
    after = staging(drifted)
    assert after.alignment is Alignment.ALIGNED
    assert after.state == before
    assert drifted.verify("staging", ProgressLog()).sound


def test_operations_after_a_restore_work_as_before_the_drift(place: Place, drifted: Engine) -> None:
    restore(drifted)

    assert promote(drifted, "v1.2.0", "staging").outcome is Ending.UNCHANGED
    assert roll_back(drifted, "v1.1.0").error is None
    assert build_and_promote(place, drifted, "v1.3.0") is None


def test_restore_from_an_unknown_artifact_names_its_digest(place: Place, drifted: Engine) -> None:
    place.push(BY_HAND, "latest-staging")

    record = restore(drifted).record

    assert isinstance(record, RestoreRecord)
    assert record.previous_version is None
    assert record.previous_digest == str(BY_HAND.manifest.digest)
    assert latest(drifted) == artifact("v1.2.0").manifest.digest


def test_restore_without_drift_records_nothing(drifted: Engine) -> None:
    restore(drifted)

    assert restore(drifted).outcome is Ending.UNCHANGED
    assert kinds(drifted).count("restore") == 1


def test_restore_completes_an_interrupted_promotion_without_a_record(
    place: Place, drifted: Engine
) -> None:
    place.push(artifact("v1.1.0"), "latest-staging")

    result = restore(drifted)

    assert result.error is None
    assert latest(drifted) == artifact("v1.2.0").manifest.digest
    assert "restore" not in kinds(drifted)


def test_lock_does_not_stop_a_restore(drifted: Engine) -> None:
    lock(drifted)

    assert restore(drifted).outcome is Ending.RESTORED


def test_operator_without_the_right_to_promote_cannot_restore(drifted: Engine) -> None:
    environments = [
        replace(e, authorization=Authorization(allowed_groups=frozenset({"sre"})))
        for e in drifted.path.environments
    ]
    guarded = with_parts(drifted, path=PromotionPath(tuple(environments)))

    refused = restore(guarded, operator=person("mallory@acme.com"))

    assert isinstance(refused.error, AuthorizationError)
    assert "not authorized to restore 'staging'" in str(refused.error)
    assert latest(drifted) == artifact("v1.0.0").manifest.digest
    assert restore(guarded, operator=person("carol@acme.com", "sre")).error is None


def test_environment_without_promotions_cannot_be_restored(place: Place, engine: Engine) -> None:
    place.push(BY_HAND, "latest-staging")

    result = restore(engine)

    assert isinstance(result.error, VersionNotPromotedError)
    assert latest(engine) == BY_HAND.manifest.digest


def test_rollback_to_the_running_version_does_not_repair_a_drifted_tag(drifted: Engine) -> None:
    result = roll_back(drifted, "v1.2.0")

    assert isinstance(result.error, ConflictError)
    assert "floe platform restore --env staging" in str(result.error)
    assert latest(drifted) == artifact("v1.0.0").manifest.digest
