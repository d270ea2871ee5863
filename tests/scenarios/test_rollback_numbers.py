"""Rollback tags are numbered per version and environment, and no number is reused."""

import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.registry.remote.auth.sources import anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.annotations import record_annotations
from engine.domain.artifact import Tag
from engine.domain.record import RollbackRecord
from engine.domain.result import Ending
from tests.builders import image, referrer
from tests.conftest import Place
from tests.domain.records import a_rollback
from tests.peers import oci_layout, raw
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.engines import engine_on, promote
from tests.scenarios.verbs import artifact, build_and_promote, roll_back, rollback_of

REPOSITORY = "acme/platform"


@pytest.fixture
def shaky(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> Iterator[tuple[Place, Engine]]:
    """An engine on a registry with scripted failures."""
    registry = opened(fake.host, REPOSITORY, timeout_seconds=0.5)
    place = Place(registry, lambda pushed, tag: fake.hold(REPOSITORY, pushed, tag))
    with engine_on(registry, tmp_path) as engine:
        yield place, engine


def numbers(engine: Engine, version: str) -> list[int]:
    """Return the n of every recorded rollback to `version`, oldest first."""
    records = [entry.record for entry in reversed(engine.history("staging", 200))]
    return [
        int(record.artifact_tag.rpartition("-")[2])
        for record in records
        if isinstance(record, RollbackRecord) and record.version == version
    ]


@pytest.mark.requirement("FR-014")
def test_each_version_has_its_own_count_beyond_nine(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")

    for _ in range(11):
        roll_back(engine, "v1.0.0")
        roll_back(engine, "v1.1.0")

    assert numbers(engine, "v1.0.0") == list(range(1, 12))
    assert numbers(engine, "v1.1.0") == list(range(1, 12))


@pytest.mark.requirement("FR-014")
def test_each_environment_has_its_own_count(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    for version in ("v1.0.0", "v1.1.0"):
        promote(engine, version, "prod")
    roll_back(engine, "v1.0.0", "staging")

    record = rollback_of(roll_back(engine, "v1.0.0", "prod"))

    assert record.artifact_tag == "v1.0.0-prod-rollback-1"


def test_foreign_tags_are_skipped_and_kept(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    foreign = image(b"somebody else's")
    for number in ("1", "2", "4", "x", "01", "0"):
        place.push(foreign, f"v1.0.0-staging-rollback-{number}")

    first = rollback_of(roll_back(engine, "v1.0.0"))
    roll_back(engine, "v1.1.0")
    second = rollback_of(roll_back(engine, "v1.0.0"))

    assert first.artifact_tag == "v1.0.0-staging-rollback-3"
    assert second.artifact_tag == "v1.0.0-staging-rollback-5"
    for number in ("1", "2", "4", "x", "01", "0"):
        kept = place.registry.resolve(Tag(f"v1.0.0-staging-rollback-{number}"))
        assert kept == foreign.manifest.digest


def test_tag_of_an_interrupted_rollback_is_reused(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    place.push(artifact("v1.0.0"), "v1.0.0-staging-rollback-1")

    record = rollback_of(roll_back(engine, "v1.0.0"))

    assert record.artifact_tag == "v1.0.0-staging-rollback-1"


def test_recorded_tag_is_not_reused_when_its_listing_was_lost(
    shaky: tuple[Place, Engine], fake: FakeRegistry
) -> None:
    place, engine = shaky
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    roll_back(engine, "v1.0.0")
    roll_back(engine, "v1.1.0")
    repository = fake.repository(REPOSITORY)
    repository.tags = {t: d for t, d in repository.tags.items() if not t.startswith("sha256-")}

    record = rollback_of(roll_back(engine, "v1.0.0"))

    assert record.artifact_tag == "v1.0.0-staging-rollback-2"


def test_forged_record_does_not_raise_the_count_without_limit(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    roll_back(engine, "v1.0.0")
    roll_back(engine, "v1.1.0")
    subject = artifact("v1.0.0").manifest
    forged = a_rollback(
        artifact_digest=str(subject.digest),
        version="v1.0.0",
        environment="staging",
        artifact_tag=f"v1.0.0-staging-rollback-{10**40}",
    )
    annotations = {
        "dev.floe.ledger.environment": "staging",
        "dev.floe.ledger.sequence": "5",
        "dev.floe.state.locked": "false",
    } | record_annotations(forged)
    kind = "application/vnd.floe.rollback.v1+json"
    place.push(referrer(subject, kind, forged.to_bytes(), annotations), None)

    record = rollback_of(roll_back(engine, "v1.0.0"))

    assert record.artifact_tag == "v1.0.0-staging-rollback-2"


@pytest.mark.parametrize("status", [403, 500])
def test_rollback_does_not_depend_on_the_list_of_referrers(
    shaky: tuple[Place, Engine], fake: FakeRegistry, status: int
) -> None:
    place, engine = shaky
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    assert roll_back(engine, "v1.0.0").error is None
    assert roll_back(engine, "v1.1.0").error is None
    hex_digest = artifact("v1.0.0").manifest.digest.hex
    fake.always("GET", f"/(referrers/sha256:|manifests/sha256-){hex_digest}", Reply(status))

    record = rollback_of(roll_back(engine, "v1.0.0"))

    assert record.artifact_tag == "v1.0.0-staging-rollback-2"


PROCESSES, EACH = 10, 2


@pytest.mark.requirement("FR-014")
def test_ten_processes_rolling_back_at_once_never_share_a_number(
    registry_host: str, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> None:
    _alternate(registry_host, f"tests/{uuid4().hex[:12]}", opened, tmp_path)


@pytest.mark.requirement("FR-014")
def test_ten_processes_rolling_a_layout_back_at_once_never_share_a_number(
    opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> None:
    _alternate("", str(tmp_path / "registry"), opened, tmp_path)


def _alternate(
    host: str, name: str, opened: Callable[..., DistributionRegistry], folder: Path
) -> None:
    if host:
        registry: DistributionRegistry | LayoutRegistry = opened(host, name)
        place = Place(registry, lambda a, tag: raw.push(host, name, a, tag))
    else:
        registry = LayoutRegistry.create(Path(name))
        place = Place(registry, lambda a, tag: oci_layout.write(Path(name), a, tag))
    with engine_on(registry, folder) as engine:
        build_and_promote(place, engine, "v1.0.0", "v1.1.0")
        spawned = multiprocessing.get_context("spawn")
        processes = [
            spawned.Process(target=_returns, args=(host, name, folder, number))
            for number in range(PROCESSES)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(90)

        assert [process.exitcode for process in processes] == [0] * PROCESSES
        made = 0
        for version in ("v1.0.0", "v1.1.0"):
            counted = numbers(engine, version)
            assert counted == list(range(1, len(counted) + 1))
            made += len(counted)
            for number in counted:
                tag = Tag(f"{version}-staging-rollback-{number}")
                assert registry.resolve(tag) == artifact(version).manifest.digest
        assert made > 1
        state = engine.status()[1].state
        assert engine.history("staging", 1)[0].sequence == 2 + made
        assert str(registry.resolve(Tag("latest-staging"))) == state.digest


def _returns(host: str, name: str, folder: Path, number: int) -> None:
    """Roll back and forth, in a separate process."""
    remote = open_registry(host, name, credentials=anonymous, scheme="http") if host else None
    try:
        with engine_on(remote or LayoutRegistry(Path(name)), folder) as engine:
            for turn in range(EACH):
                version = ("v1.0.0", "v1.1.0")[(number + turn) % 2]
                result = roll_back(engine, version)
                assert result.error is None
                assert result.outcome in (Ending.ROLLED_BACK, Ending.UNCHANGED)
    finally:
        if remote:
            remote.close()
