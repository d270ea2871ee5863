"""A promotion gives the same digest the next environment's tags, and changes nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.errors import InvalidTransitionError
from engine.domain.policy_document import policy_tag
from engine.domain.result import Ending
from tests.builders import image, shapes
from tests.conftest import Place
from tests.peers import skopeo
from tests.scenarios.engines import engine_on, path_of, promote, promotion


@pytest.mark.requirement("FR-001")
@pytest.mark.requirement("FR-002")
@pytest.mark.requirement("FR-003")
@pytest.mark.parametrize("shape", shapes())
def test_every_kind_of_manifest_keeps_its_bytes(place: Place, engine: Engine, shape: str) -> None:
    artifact = shapes()[shape]
    place.push(artifact, "v1.0.0-dev")

    result = promote(engine, "v1.0.0", "staging")

    assert (result.outcome, result.error) == (Ending.PROMOTED, None)
    for tag in ("v1.0.0-dev", "v1.0.0-staging", "latest-staging"):
        assert place.registry.fetch(Tag(tag)) == artifact.manifest


@pytest.mark.requirement("FR-002")
@pytest.mark.requirement("FR-003")
def test_skopeo_sees_only_added_tags(
    registry_host: str,
    repository: str,
    opened: Callable[..., DistributionRegistry],
    tmp_path: Path,
) -> None:
    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    skopeo.push(registry_host, repository, image(b"one", b"two", config=config), "v1.0.0-dev")
    before = skopeo.inspect(registry_host, repository, "v1.0.0-dev")

    with engine_on(opened(registry_host, repository), tmp_path) as engine:
        promote(engine, "v1.0.0", "staging")

    after = {
        tag: skopeo.inspect(registry_host, repository, tag)
        for tag in ("v1.0.0-dev", "v1.0.0-staging", "latest-staging")
    }
    new = {"v1.0.0-staging", "latest-staging", "floe-head.staging", "floe-ledger.staging.1"}
    new.add(str(policy_tag(engine.runner.policy.digest)))
    fallback = f"sha256-{before['Digest'].removeprefix('sha256:')}"
    for found in after.values():
        assert set(found.pop("RepoTags")) == {"v1.0.0-dev", fallback} | new
    before.pop("RepoTags")
    assert list(after.values()) == [before] * 3


@pytest.mark.requirement("FR-001")
def test_version_travels_the_whole_path_from_the_build_to_prod(
    place: Place, engine: Engine
) -> None:
    artifact = image(b"travels", indent=2)
    place.push(artifact, "v1.0.0")

    outcomes = [promote(engine, "v1.0.0", e).outcome for e in ("dev", "staging", "prod")]

    assert outcomes == [Ending.PROMOTED] * 3
    for environment in ("dev", "staging", "prod"):
        assert place.registry.fetch(Tag(f"v1.0.0-{environment}")) == artifact.manifest
        assert place.registry.fetch(Tag(f"latest-{environment}")) == artifact.manifest


@pytest.mark.requirement("FR-001")
@pytest.mark.parametrize(
    ("source", "target"), [("dev", "prod"), ("prod", "staging"), ("none", "staging")]
)
def test_step_off_the_path_is_refused(engine: Engine, source: str, target: str) -> None:
    with pytest.raises(InvalidTransitionError) as refused:
        promotion(engine, "v1.0.0", target, source=source)

    assert str(refused.value) == (
        f"Cannot promote from '{source}' to '{target}'. Required path: dev -> staging -> prod"
    )


@pytest.mark.requirement("FR-001")
def test_prod_and_pre_prod_can_both_exist(place: Place, tmp_path: Path) -> None:
    artifact = image(b"side by side")
    place.push(artifact, "v1.2.0")

    with engine_on(place.registry, tmp_path, path_of("pre-prod", "prod")) as engine:
        promote(engine, "v1.2.0", "pre-prod")
        promote(engine, "v1.2.0", "prod")
        rows = {row.name: row.state.version for row in engine.status()}

    assert rows == {"pre-prod": "v1.2.0", "prod": "v1.2.0"}
    assert place.registry.resolve(Tag("v1.2.0-pre-prod")) == artifact.manifest.digest
    assert place.registry.resolve(Tag("v1.2.0-prod")) == artifact.manifest.digest


@pytest.mark.requirement("FR-002")
def test_environment_tag_pushed_by_hand_is_recorded_by_the_promotion(
    place: Place, engine: Engine
) -> None:
    artifact = image(b"by hand")
    place.push(artifact, "v1.0.0-dev")
    place.push(artifact, "v1.0.0-staging")

    result = promote(engine, "v1.0.0", "staging")

    assert result.outcome is Ending.PROMOTED
    assert len(engine.history("staging")) == 1
    assert promote(engine, "v1.0.0", "prod").outcome is Ending.PROMOTED


@pytest.mark.requirement("NFR-004")
def test_repeated_promotion_changes_nothing(place: Place, engine: Engine) -> None:
    place.push(image(), "v1.0.0-dev")
    first = promote(engine, "v1.0.0", "staging")
    tags = place.registry.tags()

    again = promote(engine, "v1.0.0", "staging")

    assert (again.outcome, again.error, again.record) == (Ending.UNCHANGED, None, first.record)
    assert len(engine.history("staging")) == 1
    assert sorted(place.registry.tags()) == sorted(tags)
