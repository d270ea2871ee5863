"""`sync` brings secondaries to the state of the primary, after any loss."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryUnavailableError, TagExistsError, UsageError
from engine.domain.manifest import IMAGE_INDEX, Manifest
from engine.domain.mirroring import SyncReport, SyncStatus
from tests.builders import Artifact, image
from tests.conftest import Place
from tests.peers import raw
from tests.peers.docker_registry import docker_registry
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.engines import ProgressLog, promote
from tests.scenarios.mirrored import mirrored_engine, with_mirrors
from tests.scenarios.verbs import build_and_promote, lock, roll_back
from tests.secondaries.mirrors import SBOM, Opened, list_referrer, mirror_to, signed_index

REPOSITORY = "acme/platform"
pytestmark = pytest.mark.requirement("FR-030")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return tmp_path / "disk"


@pytest.fixture
def without_secondary(place: Place, tmp_path: Path) -> Iterator[Engine]:
    """Two versions in staging, one in prod, a lock and a rollback, without the secondary."""
    with mirrored_engine(place.registry, tmp_path) as engine:
        build_and_promote(place, engine, "v1.0.0", "v2.0.0")
        promote(engine, "v2.0.0", "prod")
        roll_back(engine, "v1.0.0")
        lock(engine)
        yield engine


def statuses(report: SyncReport) -> dict[str, str]:
    return {row.environment: row.status.value for row in report.environments}


def tags_of(registry: LayoutRegistry) -> dict[str, str]:
    return {str(tag): str(registry.resolve(tag)) for tag in registry.tags()}


def test_new_secondary_gets_everything(
    without_secondary: Engine, place: Place, tmp_path: Path, disk: Path
):
    engine = with_mirrors(without_secondary, tmp_path, mirror_to(place.registry, disk))

    report = engine.sync(None, ProgressLog())

    assert statuses(report) == {"dev": "in_sync", "staging": "repaired", "prod": "repaired"}
    primary = {str(tag): str(place.registry.resolve(tag)) for tag in place.registry.tags()}
    # Published versions have no promotion record.
    expected = {tag: digest for tag, digest in primary.items() if not tag.endswith("-dev")}
    fallback = {tag for tag in expected if tag.startswith("sha256-")}
    assert tags_of(LayoutRegistry(disk)) == {
        tag: digest for tag, digest in expected.items() if tag not in fallback
    }
    for name in ("staging", "prod"):
        copy = list(RegistryLedger(LayoutRegistry(disk)).walk(name))
        assert copy == list(engine.runner.ledger.walk(name))


def test_second_sync_finds_nothing_to_do(
    without_secondary: Engine, place: Place, tmp_path: Path, disk: Path
):
    engine = with_mirrors(without_secondary, tmp_path, mirror_to(place.registry, disk))
    engine.sync(None, ProgressLog())

    report = engine.sync(None, ProgressLog())

    assert set(statuses(report).values()) == {"in_sync"}
    assert report.error is None


def test_only_the_requested_environment_is_touched(
    without_secondary: Engine, place: Place, tmp_path: Path, disk: Path
):
    engine = with_mirrors(without_secondary, tmp_path, mirror_to(place.registry, disk))

    report = engine.sync("prod", ProgressLog())

    assert statuses(report) == {"prod": "repaired"}
    assert LayoutRegistry(disk).resolve(Tag("latest-staging")) is None
    with pytest.raises(UsageError):
        engine.sync("production", ProgressLog())


def test_moved_or_removed_tags_are_repaired(
    without_secondary: Engine, place: Place, tmp_path: Path, fake: FakeRegistry, opened: Opened
):
    engine = with_mirrors(without_secondary, tmp_path, mirror_to(place.registry, opened(fake.host)))
    engine.sync(None, ProgressLog())
    before = dict(fake.repository(REPOSITORY).tags)
    fake.hold(REPOSITORY, image(b"moved"), "latest-prod")
    del fake.repository(REPOSITORY).tags["v2.0.0-staging"]
    del fake.repository(REPOSITORY).tags["floe-ledger.staging.2"]

    report = engine.sync(None, ProgressLog())

    changed = {row.environment: row.changed for row in report.environments}
    assert changed["prod"] == ("latest-prod",)
    assert set(changed["staging"]) == {"v2.0.0-staging", "floe-ledger.staging.2"}
    assert fake.repository(REPOSITORY).tags == before


def test_entry_lost_from_a_secondarys_referrers_index_is_listed_again(
    without_secondary: Engine, place: Place, tmp_path: Path, fake: FakeRegistry, opened: Opened
):
    engine = with_mirrors(without_secondary, tmp_path, mirror_to(place.registry, opened(fake.host)))
    engine.sync(None, ProgressLog())
    lost = forget_referrers(fake)

    report = engine.sync("prod", ProgressLog())

    assert statuses(report) == {"prod": "repaired"}
    assert report.environments[0].changed[0].startswith("referrers of sha256:")
    assert lost <= {entry["digest"] for index in indexes(fake) for entry in index["manifests"]}


def indexes(fake: FakeRegistry) -> list[dict[str, list[dict[str, str]]]]:
    repository = fake.repository(REPOSITORY)
    digests = [digest for tag, digest in repository.tags.items() if tag.startswith("sha256-")]
    return [json.loads(repository.manifests[digest][0]) for digest in digests]


def forget_referrers(fake: FakeRegistry) -> set[str]:
    """Empty the index of v2.0.0, as an overwriting tool does, and return its entries."""
    tag = f"sha256-{image(b'v2.0.0').manifest.digest.hex}"
    repository = fake.repository(REPOSITORY)
    listed = json.loads(repository.manifests[repository.tags[tag]][0])["manifests"]
    empty = Manifest(b'{"schemaVersion":2,"manifests":[]}', IMAGE_INDEX)
    fake.hold(REPOSITORY, Artifact(empty), tag)
    return {entry["digest"] for entry in listed}


def test_entry_lost_from_the_primarys_own_index_is_listed_again(
    tmp_path: Path, fake: FakeRegistry, opened: Opened
):
    fake.hold(REPOSITORY, image(b"v2.0.0"), "v2.0.0-dev")
    registry = opened(fake.host)
    with mirrored_engine(registry, tmp_path) as engine:
        promote(engine, "v2.0.0", "staging")
        promote(engine, "v2.0.0", "prod")
        lost = forget_referrers(fake)

        report = engine.sync(None, ProgressLog())

    assert len(lost) == report.relisted == 2
    assert {each.digest for each in registry.referrers(image(b"v2.0.0").manifest.digest)} == lost


def test_signature_added_later_is_copied(
    without_secondary: Engine, place: Place, tmp_path: Path, disk: Path
):
    engine = with_mirrors(without_secondary, tmp_path, mirror_to(place.registry, disk))
    engine.sync(None, ProgressLog())
    artifact = image(b"v2.0.0")
    place.push(image(b"signed"), f"sha256-{artifact.manifest.digest.hex}.sig")

    report = engine.sync("prod", ProgressLog())

    assert report.environments[0].changed == (f"sha256-{artifact.manifest.digest.hex}.sig",)


def test_foreign_tag_is_reported_and_all_else_is_repaired(
    without_secondary: Engine, place: Place, tmp_path: Path, fake: FakeRegistry, opened: Opened
):
    other = image(b"somebody else's")
    fake.hold(REPOSITORY, other, "v1.0.0-staging")
    engine = with_mirrors(without_secondary, tmp_path, mirror_to(place.registry, opened(fake.host)))

    report = engine.sync(None, ProgressLog())

    assert statuses(report) == {"dev": "in_sync", "staging": "failed", "prod": "repaired"}
    assert isinstance(report.error, TagExistsError)
    tags = fake.repository(REPOSITORY).tags
    assert tags["v1.0.0-staging"] == str(other.manifest.digest)
    assert tags["latest-staging"] == str(image(b"v1.0.0").manifest.digest)


def test_unreachable_secondary_is_tried_once_and_others_are_repaired(
    without_secondary: Engine,
    place: Place,
    tmp_path: Path,
    disk: Path,
    fake: FakeRegistry,
    opened: Opened,
):
    for method in ("GET", "HEAD", "PUT", "POST"):
        fake.always(method, "/", Reply(404, delay_seconds=30))
    hanging = opened(fake.host, timeout_seconds=0.5)
    mirrors = [mirror_to(place.registry, target) for target in (hanging, disk)]
    engine = with_mirrors(without_secondary, tmp_path, *mirrors)

    report = engine.sync(None, ProgressLog())

    rows = {(row.registry, row.environment): row for row in report.environments}
    assert rows[hanging.reference, "staging"].status is SyncStatus.FAILED
    assert rows[hanging.reference, "prod"].status is SyncStatus.FAILED
    assert rows[str(disk), "staging"].status is SyncStatus.REPAIRED
    assert isinstance(report.error, RegistryUnavailableError)
    # Two blobs concurrently, once, and not again for every environment.
    assert len(fake.requests) <= 2


def test_status_shows_whether_the_secondaries_have_the_running_version(
    place: Place, tmp_path: Path, disk: Path, opened: Opened
):
    with docker_registry(tmp_path) as running:
        host = running.host
    target = opened(host)
    place.push(image(b"one"), "v1.0.0-dev")
    with mirrored_engine(place.registry, tmp_path, target, disk) as engine:
        promote(engine, "v1.0.0", "staging")
        lock(engine)
        down = {row.name: row for row in engine.status()}["staging"].registry_sync
        with docker_registry(tmp_path, port=int(host.partition(":")[2])):
            engine.sync(None, ProgressLog())
        repaired = {row.name: row for row in engine.status()}["staging"].registry_sync

    assert [each.status for each in down] == ["failed", "synced"]
    assert [each.status for each in repaired] == ["synced", "synced"]


def test_status_shows_a_new_secondary_as_empty(
    without_secondary: Engine, place: Place, tmp_path: Path, disk: Path
):
    engine = with_mirrors(without_secondary, tmp_path, mirror_to(place.registry, disk))

    [standing] = {row.name: row for row in engine.status()}["staging"].registry_sync

    assert standing.status == "failed"
    assert "run `floe platform sync`" in str(standing.error)


def test_sbom_is_copied_with_its_listing(
    tmp_path: Path, registry_host: str, repository: str, opened: Opened
):
    whole, [(sbom, _), *_] = signed_index()
    raw.push(registry_host, repository, whole, "v1.0.0-dev")
    raw.push(registry_host, repository, sbom)
    source = opened(registry_host, repository)
    list_referrer(source, sbom.manifest)
    with docker_registry(tmp_path) as other, mirrored_engine(source, tmp_path) as without_secondary:
        target = opened(other.host, repository)
        promote(without_secondary, "v1.0.0", "staging")

        with_mirrors(without_secondary, tmp_path, mirror_to(source, target)).sync(
            None, ProgressLog()
        )

        assert [each.digest for each in target.referrers(whole.manifest.digest, SBOM)] == [
            str(sbom.manifest.digest)
        ]


def test_tag_moved_on_the_primary_is_not_copied(
    without_secondary: Engine, place: Place, tmp_path: Path, disk: Path
):
    moved = image(b"moved behind our back")
    place.push(moved, "v1.0.0-staging")
    engine = with_mirrors(without_secondary, tmp_path, mirror_to(place.registry, disk))

    report = engine.sync("staging", ProgressLog())

    assert "audit verify --env staging" in str(report.error)
    there = LayoutRegistry(disk)
    assert there.resolve(Tag("v1.0.0-staging")) is None
    assert there.fetch(moved.manifest.digest) is None
    assert there.resolve(Tag("v2.0.0-staging")) is not None
