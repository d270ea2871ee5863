"""A registry that refuses a write or falsely acknowledges it never leads to reported success."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import (
    ArtifactNotFoundError,
    PromotionError,
    RegistryAccessError,
    SeparationOfDutiesError,
)
from engine.domain.result import Ending
from engine.domain.status import Alignment
from tests.builders import image
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry, digest_of, oci_error
from tests.scenarios.engines import engine_on, path_of, promote

REPOSITORY = "acme/platform"
NEW, OLD = image(b"new"), image(b"old")
ENVIRONMENT_TAG = "/manifests/v2.0.0-staging$"
RECORD = r"/manifests/floe-ledger\.staging\.2$"
HEAD = r"/manifests/floe-head\.staging$"
LATEST = "/manifests/latest-staging$"
# A request is sent six times to a registry with an internal error.
REFUSALS = {405: 1, 403: 1, 409: 1, 412: 1, 500: 6}


@pytest.fixture
def engine(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> Iterator[Engine]:
    """Staging runs v1.0.0; v2.0.0 is ready to follow."""
    fake.hold(REPOSITORY, OLD, "v1.0.0-dev")
    fake.hold(REPOSITORY, NEW, "v2.0.0-dev")
    with engine_on(opened(fake.host), tmp_path) as built:
        promote(built, "v1.0.0", "staging")
        yield built


def assert_not_promoted(engine: Engine, fake: FakeRegistry, refused: str) -> None:
    """Nothing is in effect, except that the record is committed if its last steps are missing."""
    committed = refused in (LATEST, HEAD)
    staging = engine.status()[1]
    assert len(engine.history("staging")) == 1 + committed
    if refused != HEAD:
        # The head tag and `latest` are written side by side.
        assert staging.alignment is (Alignment.COMPLETING if committed else Alignment.ALIGNED)
        assert fake.repository(REPOSITORY).tags["latest-staging"] == str(OLD.manifest.digest)


def assert_promoted(engine: Engine, fake: FakeRegistry) -> None:
    tags = fake.repository(REPOSITORY).tags
    assert tags["v2.0.0-staging"] == tags["latest-staging"] == str(NEW.manifest.digest)
    assert tags["floe-head.staging"] == tags["floe-ledger.staging.2"]
    assert len(engine.history("staging")) == 2
    assert engine.status()[1].alignment is Alignment.ALIGNED


@pytest.mark.requirement("NFR-004")
@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("refused", [ENVIRONMENT_TAG, RECORD, HEAD, LATEST])
def test_refused_write_is_an_error_and_repeating_completes(
    engine: Engine, fake: FakeRegistry, status: int, refused: str
) -> None:
    fake.script("PUT", refused, *[oci_error(status, "DENIED")] * REFUSALS[status])

    with pytest.raises(PromotionError) as error:
        promote(engine, "v2.0.0", "staging")

    assert error.value.exit_code in (5, 10)
    assert_not_promoted(engine, fake, refused)
    again = promote(engine, "v2.0.0", "staging").outcome
    assert again is Ending.PROMOTED or (again is Ending.UNCHANGED and refused == HEAD)
    assert_promoted(engine, fake)


@pytest.mark.parametrize("refused", [ENVIRONMENT_TAG, RECORD, HEAD, LATEST])
def test_registry_that_stores_other_content_is_detected(
    engine: Engine, fake: FakeRegistry, refused: str
) -> None:
    other = {"Docker-Content-Digest": digest_of(b"something else")}
    fake.script("PUT", refused, Reply(201, b"", other))

    with pytest.raises(PromotionError, match="stored sha256:.* instead of") as error:
        promote(engine, "v2.0.0", "staging")

    assert error.value.exit_code == 5
    assert_not_promoted(engine, fake, refused)


@pytest.mark.parametrize("lost", [ENVIRONMENT_TAG, RECORD, LATEST])
def test_acknowledged_tag_that_does_not_exist_is_detected(
    engine: Engine, fake: FakeRegistry, lost: str
) -> None:
    fake.script("PUT", lost, Reply(201))

    with pytest.raises(PromotionError) as error:
        promote(engine, "v2.0.0", "staging")

    assert error.value.exit_code in (5, 10)
    # The environment tag is read back together with the record.
    assert_not_promoted(engine, fake, LATEST if lost == ENVIRONMENT_TAG else lost)
    assert promote(engine, "v2.0.0", "staging").outcome is Ending.PROMOTED
    assert_promoted(engine, fake)


def test_lost_head_tag_loses_nothing(engine: Engine, fake: FakeRegistry) -> None:
    fake.script("PUT", HEAD, Reply(201))

    assert promote(engine, "v2.0.0", "staging").outcome is Ending.PROMOTED
    assert len(engine.history("staging")) == 2
    assert promote(engine, "v2.0.0", "staging").outcome is Ending.UNCHANGED
    assert_promoted(engine, fake)


def test_registry_that_refuses_uploads_gets_no_tag(engine: Engine, fake: FakeRegistry) -> None:
    before = dict(fake.repository(REPOSITORY).tags)
    fake.script("POST", "/blobs/uploads/", oci_error(403, "DENIED", "read only"))

    with pytest.raises(RegistryAccessError, match="read only"):
        promote(engine, "v2.0.0", "staging")

    assert fake.repository(REPOSITORY).tags == before


def test_immutable_registry_with_the_right_tag_is_accepted(
    engine: Engine, fake: FakeRegistry
) -> None:
    fake.hold(REPOSITORY, NEW, "v2.0.0-staging")
    fake.script("PUT", ENVIRONMENT_TAG, oci_error(400, "TAG_INVALID", "the tag is immutable"))

    result = promote(engine, "v2.0.0", "staging")

    assert result.outcome is Ending.PROMOTED
    assert_promoted(engine, fake)


def test_missing_version_is_found_missing_across_small_tag_pages(
    engine: Engine, fake: FakeRegistry
) -> None:
    fake.behaviour.max_page = 100

    with pytest.raises(ArtifactNotFoundError):
        promote(engine, "v9.9.9", "staging")


@pytest.mark.parametrize("status", [403, 500])
def test_record_that_cannot_be_listed_still_counts(
    engine: Engine, fake: FakeRegistry, status: int
) -> None:
    fake.script("PUT", "/manifests/sha256-", *[oci_error(status, "DENIED")] * REFUSALS[status])

    result = promote(engine, "v2.0.0", "staging")

    assert result.outcome is Ending.PROMOTED
    assert_promoted(engine, fake)
    assert promote(engine, "v2.0.0", "prod").outcome is Ending.PROMOTED


def test_briefly_invisible_artifact_is_found(engine: Engine, fake: FakeRegistry) -> None:
    fake.script("GET", "/manifests/v2.0.0-dev$", oci_error(404, "MANIFEST_UNKNOWN"))

    result = promote(engine, "v2.0.0", "staging")

    assert result.outcome is Ending.PROMOTED


def test_briefly_invisible_history_still_counts(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> None:
    path = path_of("dev", Environment("prod", authorization=Authorization(None, None, True)))
    fake.hold(REPOSITORY, NEW, "v2.0.0")
    with engine_on(opened(fake.host), tmp_path, path) as engine:
        promote(engine, "v2.0.0", "dev")
    fake.script("GET", r"/manifests/floe-head\.dev$", oci_error(404, "MANIFEST_UNKNOWN"))

    with engine_on(opened(fake.host), tmp_path, path) as engine:
        result = promote(engine, "v2.0.0", "prod")

    assert isinstance(result.error, SeparationOfDutiesError)
