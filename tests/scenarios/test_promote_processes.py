"""Several processes promote at once: one writes at a time, and no promotion is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.status import Alignment
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.commands import Floe, finish
from tests.scenarios.engines import engine_on

PROCESSES = 10
# The last process may promote the older version.
OLDER = ("--allow-older", "--reason", "promoted at once")


@pytest.fixture
def floe(place: Place, tmp_path: Path) -> Floe:
    layout = isinstance(place.registry, LayoutRegistry)
    scheme = "oci-layout:" if layout else "oci://"
    return Floe.on(f"{scheme}{place.registry.reference}", tmp_path)


@pytest.fixture
def engine(place: Place, tmp_path: Path) -> Iterator[Engine]:
    with engine_on(place.registry, tmp_path) as built:
        yield built


def promotions(version: str, count: int = 1) -> list[tuple[str, ...]]:
    words = ("platform", "promote", version, "--to", "staging", *OLDER, "--output", "json")
    return [words] * count


def test_ten_processes_that_promote_one_version_leave_one_record(
    place: Place, floe: Floe, engine: Engine
) -> None:
    artifact = image()
    place.push(artifact, "v1.0.0-dev")

    running = [floe.start(*command) for command in promotions("v1.0.0", PROCESSES)]
    ended = [finish(process) for process in running]

    assert {done.code for done in ended} <= {0, 10}
    outcomes = [done.document["outcome"] for done in ended if done.code == 0]
    assert outcomes.count("promoted") == 1
    assert set(outcomes) <= {"promoted", "unchanged"}
    assert len(engine.history("staging")) == 1
    assert engine.status()[1].alignment is Alignment.ALIGNED
    assert place.registry.resolve(Tag("latest-staging")) == artifact.manifest.digest


def test_different_versions_promoted_at_once_form_one_chain(
    place: Place, floe: Floe, engine: Engine
) -> None:
    versions = [f"v1.0.{number}" for number in range(4)]
    for version in versions:
        place.push(image(version.encode()), f"{version}-dev")

    running = [floe.start(*command) for v in versions for command in promotions(v)]
    ended = [finish(process) for process in running]

    assert [done.document["outcome"] for done in ended] == ["promoted"] * 4
    chain = engine.history("staging")
    assert [entry.sequence for entry in chain] == [4, 3, 2, 1]
    assert sorted(str(entry.state.version) for entry in chain) == versions
    assert engine.status()[1].alignment is Alignment.ALIGNED


def test_one_artifact_promoted_into_two_environments_at_once_is_listed_twice(
    place: Place, floe: Floe, engine: Engine
) -> None:
    artifact = image(b"same")
    for version in ("v1.0.0", "v2.0.0"):
        place.push(artifact, f"{version}-dev")
        assert floe.promote(version, "staging").code == 0
    place.push(artifact, "v3.0.0-dev")

    running = [
        floe.start("platform", "promote", version, "--to", target, *OLDER, "--output", "json")
        for version, target in (("v3.0.0", "staging"), ("v2.0.0", "prod"), ("v1.0.0", "prod"))
    ]
    ended = [finish(process) for process in running]

    assert [done.code for done in ended] == [0, 0, 0]
    listed = place.registry.referrers(artifact.manifest.digest)
    assert len(listed) == 5
    assert [len(engine.history(e)) for e in ("staging", "prod")] == [3, 2]
