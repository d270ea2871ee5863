"""A cleanup keeps everything to which a ledger refers, and the rules of systems say so."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.api import Engine
from engine.bootstrap.retention import read_retention
from engine.domain.errors import RegistryError, UsageError
from engine.domain.retention import Build, Retention, cleanup_rules
from tests.builders import image
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.engines import engine_on, path_of, promote
from tests.scenarios.tampering import Hand
from tests.scenarios.verbs import artifact, build_and_promote, lock, lock_of, roll_back

remote = pytest.mark.parametrize("place", ["remote"], indirect=True)
PATTERNS = (
    "floe-*",
    "sha256-*",
    "latest-*",
    "*-staging",
    "*-staging-rollback-*",
    "*-prod",
    "*-prod-rollback-*",
)


@pytest.fixture
def engine(place: Place, tmp_path: Path) -> Iterator[Engine]:
    """Staging ran v1.0.0 to v1.3.0 and was rolled back from v1.3.0; prod runs v1.1.0."""
    with engine_on(place.registry, tmp_path) as built:
        build_and_promote(place, built, "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0")
        assert promote(built, "v1.1.0", "prod").error is None
        assert roll_back(built, "v1.2.0").error is None
        yield built


def removable(engine: Engine, kept: Retention) -> set[str]:
    names = [tag.name for tag in engine.runner.registry.tags()]
    return {tag for tag in names if not any(fnmatchcase(tag, each) for each in kept.tags)}


@remote
def test_only_builds_that_nothing_needs_may_go(engine: Engine, place: Place) -> None:
    for version in ("v0.8.0", "v0.9.0", "v2.0.0", "v2.1.0"):
        place.push(image(version.encode()), f"{version}-dev")
    place.push(artifact("v1.0.0"), "v0.7.0-dev")

    kept = read_retention(engine, 2, {"v0.9.0"})

    assert kept.patterns == PATTERNS
    assert removable(engine, kept) == {"v0.8.0-dev"}


def test_running_versions_are_named_after_many_locks(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    layout = Place(LayoutRegistry.create(root), partial(oci_layout.write, root))
    with engine_on(layout.registry, tmp_path) as engine:
        build_and_promote(layout, engine, "v1.0.0", "v1.1.0")
        record, ledger = lock_of(lock(engine)), engine.runner.ledger
        for _ in range(200):
            entry, _content = ledger.prepare(ledger.end("staging"), record, None)
            ledger.create(entry)
            ledger.point_head(entry)

        kept = read_retention(engine, 1, ())

    rows = {row.environment: [each.version for each in row.versions] for row in kept.environments}
    assert rows == {"dev": [], "staging": ["v1.1.0", "v1.0.0"], "prod": []}


@remote
def test_environments_that_left_the_manifest_are_kept(
    engine: Engine, place: Place, tmp_path: Path
) -> None:
    with engine_on(place.registry, tmp_path, path_of("dev", "prod")) as shorter:
        kept = read_retention(shorter, 0, ())

    assert not removable(engine, kept)


@remote
def test_builds_with_their_own_tags_are_judged_too(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path) as engine:
        for version in ("v1.0.0", "v1.1.0", "v1.2.0"):
            place.push(artifact(version), version)
        assert promote(engine, "v1.0.0", "dev").error is None

        kept = read_retention(engine, 1, ())

        assert "*-dev" in kept.patterns
        assert removable(engine, kept) == {"v1.1.0"}


@remote
def test_a_ledger_that_cannot_be_read_is_an_error(engine: Engine, place: Place) -> None:
    Hand(place).remove_manifest("floe-ledger.staging.3")

    with pytest.raises(RegistryError):
        read_retention(engine, 1, ())


@remote
def test_rules_of_each_system_keep_every_tag(engine: Engine, place: Place) -> None:
    place.push(image(b"v2.0.0"), "v2.0.0-dev")
    kept = read_retention(engine, 1, ())
    reference = "registry.acme.com/docker/acme/platform"

    harbor: Any = cleanup_rules(kept, reference, "harbor")
    ecr: Any = cleanup_rules(kept, reference, "ecr")
    artifactory: Any = cleanup_rules(kept, reference, "artifactory")

    assert cleanup_rules(kept, reference, None) is None
    assert [each["tag_selectors"][0]["pattern"] for each in harbor] == [
        "{" + ",".join(kept.tags) + "}",
        "{" + ",".join(PATTERNS) + "}",
    ]
    assert harbor[0]["scope_selectors"]["repository"][0]["pattern"] == "acme/platform"
    assert [rule["selection"]["tagPatternList"] for rule in ecr["rules"]] == [
        [each] for each in (*PATTERNS, "v2.0.0-dev")
    ]
    assert [rule["rulePriority"] for rule in ecr["rules"]] == [*range(1, 9)]
    found = artifactory["files"][0]["aql"]["items.find"]
    assert (found["repo"], found["path"]) == ("docker", {"$match": "acme/platform/*"})
    assert [each["path"]["$nmatch"].removeprefix("acme/platform/") for each in found["$and"]] == [
        *kept.tags,
        "sha256:*",
        "*/*",
    ]


@remote
def test_repositories_without_rules_are_refused(place: Place) -> None:
    many = Retention(5, (), PATTERNS, tuple(Build(f"v1.{n}.0-dev", False) for n in range(60)))

    with pytest.raises(UsageError, match="give a smaller --keep"):
        cleanup_rules(many, "registry.acme.com/platform", "ecr")
    with pytest.raises(UsageError, match="no image after the repository key"):
        cleanup_rules(many, "docker-local.acme.jfrog.io/platform", "artifactory")
    with pytest.raises(UsageError, match="no image after the project"):
        cleanup_rules(many, "harbor.acme.com/platform", "harbor")
