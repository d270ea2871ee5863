"""Tags on a secondary move only after all content they point to is stored there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAnswerError
from tests.builders import image
from tests.conftest import Place
from tests.peers import raw
from tests.peers.docker_registry import docker_registry
from tests.peers.fake_http import Reply, Request
from tests.peers.proxy import Filter
from tests.scenarios.commands import Floe
from tests.scenarios.engines import ProgressLog, promote
from tests.scenarios.mirrored import mirrored_engine, outcomes, with_mirrors
from tests.scenarios.tampering import Hand
from tests.scenarios.verbs import artifact, build_and_promote, lock, unlock
from tests.secondaries.mirrors import Opened

REPOSITORY = "acme/platform"
LARGE = image(b"x" * 200_000)
TOO_LARGE = Reply(413, b"<html>413 Request Entity Too Large</html>", {"Content-Type": "text/html"})


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Filter]:
    """nginx with a small client_max_body_size, in front of the secondary registry."""
    with docker_registry(tmp_path) as running, Filter(running.host, TOO_LARGE) as before:
        yield before


@pytest.fixture
def target(proxy: Filter, opened: Opened) -> DistributionRegistry:
    return opened(proxy.host, REPOSITORY)


@pytest.fixture
def primary(registry_host: str, repository: str, opened: Opened) -> Place:
    """A real registry as the primary."""
    return Place(
        opened(registry_host, repository),
        lambda pushed, tag: raw.push(registry_host, repository, pushed, tag),
    )


@pytest.fixture
def engine(primary: Place, tmp_path: Path, target: DistributionRegistry) -> Iterator[Engine]:
    """v1.0.0 is in staging and on the secondary."""
    with mirrored_engine(primary.registry, tmp_path, target) as made:
        build_and_promote(primary, made, "v1.0.0")
        yield made


def too_large(request: Request) -> bool:
    return request.method in ("PUT", "PATCH") and len(request.body) >= 200_000


def promote_unseen(primary: Place, engine: Engine, folder: Path, version: str) -> None:
    """Promote LARGE as `version` while no secondary is configured."""
    primary.push(LARGE, f"{version}-dev")
    promote(with_mirrors(engine, folder), version, "staging")


def test_refused_layer_leaves_latest_and_the_ledger_head_unchanged(
    engine: Engine, primary: Place, proxy: Filter, target: DistributionRegistry, tmp_path: Path
):
    promote_unseen(primary, engine, tmp_path, "v1.1.0")
    before = pointers(target)
    proxy.refuses = too_large

    report = engine.sync(None, ProgressLog())

    assert isinstance(report.error, RegistryAnswerError)
    assert "413" in str(report.error)
    assert pointers(target) == before
    assert target.resolve(Tag("v1.1.0-staging")) is None
    assert follows_its_links(target, "staging") == 1

    proxy.refuses = lambda _: False
    assert engine.sync(None, ProgressLog()).error is None
    assert target.resolve(Tag("latest-staging")) == LARGE.manifest.digest
    assert follows_its_links(target, "staging") == 2


def test_head_of_a_lock_waits_for_the_running_version(
    engine: Engine, primary: Place, proxy: Filter, target: DistributionRegistry, tmp_path: Path
):
    promote_unseen(primary, engine, tmp_path, "v1.1.0")
    lock(with_mirrors(engine, tmp_path))
    before = pointers(target)
    proxy.refuses = too_large

    engine.sync(None, ProgressLog())

    assert pointers(target) == before


def test_refused_record_holds_back_the_head_and_not_the_running_version(
    engine: Engine, primary: Place, proxy: Filter, target: DistributionRegistry, tmp_path: Path
):
    without = with_mirrors(engine, tmp_path)
    locked = lock(without).entry
    assert locked is not None
    unlock(without)
    build_and_promote(primary, without, "v1.1.0")
    before = pointers(target)
    proxy.refuses = lambda r: r.method == "PUT" and str(locked.digest) in r.path

    report = engine.sync(None, ProgressLog())

    assert report.error is not None
    assert target.resolve(Tag("floe-head.staging")) == before["floe-head.staging"]
    assert target.resolve(Tag("latest-staging")) == artifact("v1.1.0").manifest.digest


def test_refused_old_artifact_is_reported_and_the_rest_continues(
    engine: Engine, primary: Place, proxy: Filter, target: DistributionRegistry, tmp_path: Path
):
    promote_unseen(primary, engine, tmp_path, "v1.1.0")
    build_and_promote(primary, with_mirrors(engine, tmp_path), "v1.2.0")
    proxy.refuses = too_large

    report = engine.sync(None, ProgressLog())

    assert "413" in str(report.error)
    assert target.resolve(Tag("v1.1.0-staging")) is None
    assert target.resolve(Tag("latest-staging")) == artifact("v1.2.0").manifest.digest
    assert follows_its_links(target, "staging") == 3
    assert proxy.struck == 1


def test_error_of_one_environment_is_not_reported_for_another(
    engine: Engine, primary: Place, proxy: Filter, target: DistributionRegistry, tmp_path: Path
):
    promote(with_mirrors(engine, tmp_path), "v1.0.0", "prod")
    promote_unseen(primary, engine, tmp_path, "v1.1.0")
    proxy.refuses, proxy.refusal = too_large, Reply(403)

    report = engine.sync(None, ProgressLog())

    rows = {row.environment: row for row in report.environments}
    assert {name: row.status.value for name, row in rows.items()} == {
        "dev": "in_sync",
        "staging": "failed",
        "prod": "repaired",
    }
    assert target.resolve(Tag("latest-prod")) == artifact("v1.0.0").manifest.digest
    standing = {row.name: row.registry_sync for row in engine.status()}
    assert [each.status for each in standing["staging"]] == ["failed"]
    assert [each.status for each in standing["prod"]] == ["synced"]


def test_broken_ledger_of_one_environment_does_not_stop_the_others(
    engine: Engine, primary: Place, target: DistributionRegistry, tmp_path: Path
):
    promote(with_mirrors(engine, tmp_path), "v1.0.0", "prod")
    build_and_promote(primary, with_mirrors(engine, tmp_path), "v1.1.0")
    Hand(primary).remove_manifest("floe-ledger.staging.1")

    report = engine.sync(None, ProgressLog())

    rows = {row.environment: row for row in report.environments}
    assert "ledger of 'staging'" in str(rows["staging"].errors[0])
    assert rows["prod"].status.value == "repaired"
    assert target.resolve(Tag("latest-prod")) == artifact("v1.0.0").manifest.digest


def test_promotion_after_a_long_outage_moves_no_head_over_a_gap(
    engine: Engine, primary: Place, proxy: Filter, target: DistributionRegistry, tmp_path: Path
):
    build_and_promote(primary, with_mirrors(engine, tmp_path), *(f"v1.1.{n}" for n in range(22)))
    before = pointers(target)
    primary.push(artifact("v1.2.0"), "v1.2.0-dev")

    result = promote(engine, "v1.2.0", "staging")

    assert outcomes(result) == [(target.reference, "failed")]
    assert "floe platform sync" in str(result.registry_sync[0].error)
    assert target.resolve(Tag("floe-head.staging")) == before["floe-head.staging"]
    assert target.resolve(Tag("latest-staging")) == artifact("v1.2.0").manifest.digest
    assert engine.sync(None, ProgressLog()).error is None
    assert follows_its_links(target, "staging") == 24


def test_command_names_only_the_environment_that_failed(
    proxy: Filter, tmp_path: Path, registry_host: str, repository: str
):
    promotion = (
        "{environments: [{name: dev}, {name: staging}, {name: prod}], "
        f"secondary_registries: [{{uri: 'oci://{proxy.host}/{REPOSITORY}'}}]}}"
    )
    floe = Floe.on(f"oci://{registry_host}/{repository}", tmp_path, promotion)
    raw.push(registry_host, repository, image(b"small"), "v1.0.0-dev")
    floe.promote("v1.0.0", "staging")
    floe.promote("v1.0.0", "prod")
    raw.push(registry_host, repository, LARGE, "v1.1.0-dev")
    proxy.refuses = too_large
    floe.promote("v1.1.0", "staging")

    ended = floe.run("platform", "sync", "--output", "json")

    assert ended.code == 5
    rows = {row["environment"]: row for row in ended.document["registries"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "dev": "in_sync",
        "staging": "failed",
        "prod": "in_sync",
    }
    assert rows["prod"]["errors"] == []
    assert "413" in rows["staging"]["errors"][0]


def pointers(target: DistributionRegistry) -> dict[str, Digest | None]:
    names = ("latest-staging", "floe-head.staging")
    return {name: target.resolve(Tag(name)) for name in names}


def follows_its_links(target: DistributionRegistry, environment: str) -> int:
    """Return the number of entries in the ledger there, after checking each one."""
    return len(list(RegistryLedger(target).walk(environment)))
