"""A change reaches every secondary registry, or the primary continues without it."""

from pathlib import Path

import pytest

from engine.adapters.ledger.encoding import artifact_type
from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryError
from engine.domain.record import PromotionRecord
from engine.domain.result import Ending
from engine.ports.secondary import Mirror
from tests.builders import image, index
from tests.conftest import Place
from tests.peers import skopeo
from tests.peers.docker_registry import docker_registry
from tests.peers.fake_http import Cut, Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.engines import ProgressLog, promote, promotion
from tests.scenarios.mirrored import mirrored_engine, outcomes, recorded, with_mirrors
from tests.scenarios.verbs import build_and_promote, lock, roll_back, unlock
from tests.secondaries.mirrors import Opened, mirror_to, signature_tag, signed_index

REPOSITORY = "acme/platform"
V1 = image(b"one")


def visible(fake: FakeRegistry) -> dict[str, str]:
    """Return its tags, without the fallback index of referrers."""
    tags = fake.repository(REPOSITORY).tags
    return {tag: digest for tag, digest in tags.items() if not tag.startswith("sha256-")}


@pytest.mark.requirement("FR-028")
def test_promotion_reaches_several_registries(place: Place, tmp_path: Path, opened: Opened):
    place.push(V1, "v1.0.0-dev")
    (tmp_path / "registry").mkdir(exist_ok=True)
    with docker_registry(tmp_path) as other:
        remote, disk = opened(other.host), tmp_path / "disk"
        with mirrored_engine(place.registry, tmp_path, remote, disk) as engine:
            result = promote(engine, "v1.0.0", "staging")

        expected = [(remote.reference, "synced"), (str(disk), "synced")]
        assert outcomes(result) == recorded(result) == expected
        for secondary in (remote, LayoutRegistry(disk)):
            for tag in ("v1.0.0-staging", "latest-staging"):
                assert secondary.resolve(Tag(tag)) == V1.manifest.digest
        assert skopeo.inspect(other.host, REPOSITORY, "latest-staging")["Digest"] == str(
            V1.manifest.digest
        )


@pytest.mark.requirement("FR-029")
def test_record_is_the_same_manifest_everywhere(place: Place, tmp_path: Path):
    place.push(V1, "v1.0.0-dev")
    disk = tmp_path / "disk"

    with mirrored_engine(place.registry, tmp_path, disk) as engine:
        promote(engine, "v1.0.0", "staging")
        head = engine.runner.ledger.head("staging")

    copy = RegistryLedger(LayoutRegistry(disk)).head("staging")
    assert head is not None
    assert copy is not None
    assert copy.manifest == head.manifest
    assert copy.record == head.record
    [attached] = LayoutRegistry(disk).referrers(V1.manifest.digest, artifact_type("promotion"))
    assert attached.digest == str(head.digest)


@pytest.mark.requirement("FR-028")
def test_index_and_its_signatures_are_copied(place: Place, tmp_path: Path):
    whole, belonging = signed_index()
    place.push(whole, "v1.0.0-dev")
    for artifact, tag in belonging:
        if tag is not None:
            place.push(artifact, tag)
    disk = tmp_path / "disk"

    with mirrored_engine(place.registry, tmp_path, disk) as engine:
        promote(engine, "v1.0.0", "staging")

    there = LayoutRegistry(disk)
    assert there.resolve(Tag("v1.0.0-staging")) == whole.manifest.digest
    assert there.resolve(Tag(signature_tag(whole))) is not None
    assert all(there.fetch(part.manifest.digest) for part in whole.whole())


@pytest.mark.requirement("FR-028")
def test_rollback_reaches_the_secondaries(place: Place, tmp_path: Path):
    disk = tmp_path / "disk"
    with mirrored_engine(place.registry, tmp_path, disk) as engine:
        build_and_promote(place, engine, "v1.0.0", "v2.0.0")

        result = roll_back(engine, "v1.0.0")

    assert outcomes(result) == recorded(result) == [(str(disk), "synced")]
    there = LayoutRegistry(disk)
    assert there.resolve(Tag("v1.0.0-staging-rollback-1")) == result.plan.manifest.digest
    assert there.resolve(Tag("latest-staging")) == result.plan.manifest.digest


@pytest.mark.requirement("FR-030")
def test_failing_secondary_is_a_warning_and_the_others_continue(
    place: Place, tmp_path: Path, opened: Opened
):
    place.push(V1, "v1.0.0-dev")
    with docker_registry(tmp_path) as gone:
        pass
    broken, disk = opened(gone.host), tmp_path / "disk"

    with mirrored_engine(place.registry, tmp_path, broken, disk) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert result.outcome is Ending.PROMOTED
    assert outcomes(result) == recorded(result)
    assert outcomes(result) == [(broken.reference, "failed"), (str(disk), "synced")]
    [warning] = result.warnings
    assert broken.reference in warning
    assert "cannot be reached" in warning
    assert place.registry.resolve(Tag("latest-staging")) == V1.manifest.digest
    assert LayoutRegistry(disk).resolve(Tag("latest-staging")) == V1.manifest.digest


@pytest.mark.requirement("FR-030")
def test_secondary_failing_between_content_and_tags_is_in_the_result(
    place: Place, tmp_path: Path, fake: FakeRegistry, opened: Opened
):
    place.push(V1, "v1.0.0-dev")
    fake.always("PUT", "/manifests/v1.0.0-staging", Reply(403))
    target = opened(fake.host)

    with mirrored_engine(place.registry, tmp_path, target) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert result.outcome is Ending.PROMOTED
    assert recorded(result) == [(target.reference, "synced")]
    assert outcomes(result) == [(target.reference, "failed")]
    assert len(result.warnings) == 1
    assert visible(fake) == {}


@pytest.mark.requirement("FR-030")
def test_immutable_foreign_tag_stays_on_the_secondary(
    place: Place, tmp_path: Path, fake: FakeRegistry, opened: Opened
):
    place.push(V1, "v1.0.0-dev")
    other = image(b"somebody else's")
    fake.hold(REPOSITORY, other, "v1.0.0-staging")

    with mirrored_engine(place.registry, tmp_path, opened(fake.host)) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert result.outcome is Ending.PROMOTED
    assert "another writer created it" in result.warnings[0]
    assert visible(fake) == {"v1.0.0-staging": str(other.manifest.digest)}


def test_primary_failure_before_any_write_leaves_nothing_visible_on_a_secondary(
    fake: FakeRegistry, tmp_path: Path, opened: Opened
):
    fake.hold(REPOSITORY, V1, "v1.0.0-dev")
    fake.cut_write(1, Cut.BEFORE, then_gone=True)
    disk = tmp_path / "disk"

    with (
        mirrored_engine(opened(fake.host, timeout_seconds=0.4), tmp_path, disk) as engine,
        pytest.raises(RegistryError),
    ):
        promote(engine, "v1.0.0", "staging")

    assert LayoutRegistry(disk).tags() == ()


def test_missed_records_are_copied_with_the_next_change(place: Place, tmp_path: Path):
    disk = tmp_path / "disk"
    with mirrored_engine(place.registry, tmp_path, disk) as engine:
        build_and_promote(place, engine, "v1.0.0")
        lock(engine)
        unlock(engine)

        build_and_promote(place, engine, "v2.0.0")

    kinds = [entry.record.kind for entry in RegistryLedger(LayoutRegistry(disk)).walk("staging")]
    assert kinds == ["promotion", "unlock", "lock", "promotion"]


def test_secondary_tag_moved_by_another_writer_is_left_alone(place: Place, tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    with mirrored_engine(place.registry, tmp_path) as alone:
        first = with_mirrors(alone, tmp_path, mirror_to(place.registry, one))
        build_and_promote(place, first, "v1.0.0")
        place.push(index(V1), "v2.0.0-dev")
        second = with_mirrors(alone, tmp_path, mirror_to(place.registry, two))
        copies = second.runner.secondaries.before(
            second.plan(promotion(second, "v2.0.0", "staging"), ProgressLog()), list, decided=False
        )
        result = promote(alone, "v2.0.0", "staging")
        build_and_promote(place, alone, "v3.0.0")

        shown = second.runner.secondaries.after(result, copies)

    assert outcomes(shown) == [(str(two), "synced")]
    there = LayoutRegistry(two)
    assert there.resolve(Tag("v2.0.0-staging")) == index(V1).manifest.digest
    assert there.resolve(Tag("latest-staging")) is None
    assert there.resolve(Tag("floe-head.staging")) is None


def test_recorded_sync_round_trips(place: Place, tmp_path: Path):
    place.push(V1, "v1.0.0-dev")

    with mirrored_engine(place.registry, tmp_path, tmp_path / "disk") as engine:
        result = promote(engine, "v1.0.0", "staging")
        [entry] = engine.history("staging")

    assert isinstance(entry.record, PromotionRecord)
    assert entry.record == result.record
    assert entry.record.registry_sync[0].digest == str(V1.manifest.digest)


def test_completion_of_an_interrupted_run_copies_everything(place: Place, tmp_path: Path):
    disk, latest = tmp_path / "disk", Tag("latest-staging")
    with mirrored_engine(place.registry, tmp_path) as alone:
        build_and_promote(place, alone, "v1.0.0", "v2.0.0")
        old = place.registry.fetch(Tag("v1.0.0-staging"))
        # The state of a run that dies after its record is committed.
        place.registry.put(old, latest)

        result = promote(
            with_mirrors(alone, tmp_path, mirror_to(place.registry, disk)), "v2.0.0", "staging"
        )

    there = LayoutRegistry(disk)
    assert outcomes(result) == [(str(disk), "synced")]
    assert there.resolve(Tag("v2.0.0-staging")) == there.resolve(latest)
    assert there.resolve(latest) == result.plan.manifest.digest


class KilledMirror:
    """A mirror whose process is killed before it makes anything visible."""

    def __init__(self, inner: Mirror) -> None:
        self.inner = inner
        self.reference = inner.reference
        self.copy = inner.copy
        self.resolve = inner.resolve

    def publish(self, *_: object) -> tuple[str, ...]:
        raise KeyboardInterrupt


def test_run_killed_before_the_tags_leaves_no_synced_status(place: Place, tmp_path: Path):
    place.push(V1, "v1.0.0-dev")
    disk = tmp_path / "disk"
    with mirrored_engine(place.registry, tmp_path) as alone:
        mirror = mirror_to(place.registry, disk)
        with pytest.raises(KeyboardInterrupt):
            promote(with_mirrors(alone, tmp_path, KilledMirror(mirror)), "v1.0.0", "staging")

        rows = {row.name: row for row in with_mirrors(alone, tmp_path, mirror).status()}

    [standing] = rows["staging"].registry_sync
    assert standing.status == "failed"
    assert "interrupted" in str(standing.error)
