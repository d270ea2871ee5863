"""Reads during concurrent writes: docker-registry loses a tag for a moment while it moves."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Tag
from engine.domain.result import Ending
from tests.builders import Artifact, image
from tests.peers import raw
from tests.scenarios.engines import engine_on, promote

MOVES = 120
Opener = Callable[..., DistributionRegistry]


def tag_in_turn(host: str, repository: str, artifacts: list[Artifact], tag: str) -> None:
    """Give `tag` to each artifact in turn, without end."""
    with httpx.Client(base_url=f"http://{host}/v2/{repository}/manifests") as client:
        for number in range(MOVES):
            manifest = artifacts[number % len(artifacts)].manifest
            headers = {"Content-Type": manifest.media_type}
            client.put(f"/{tag}", content=manifest.content, headers=headers).raise_for_status()


def test_moving_tag_resolves_to_its_old_or_new_digest(
    registry_host: str, repository: str, opened: Opener
) -> None:
    ends = [image(b"here"), image(b"there")]
    for artifact in ends:
        raw.push(registry_host, repository, artifact, "latest-staging")
    tag, reader = Tag("latest-staging"), opened(registry_host, repository)

    resolved, fetched = set(), set()
    with ThreadPoolExecutor(1) as mover:
        moving = mover.submit(tag_in_turn, registry_host, repository, ends, str(tag))
        while not moving.done():
            resolved.add(reader.resolve(tag))
            fetched.add(reader.fetch(tag))
        moving.result()

    assert resolved == {artifact.manifest.digest for artifact in ends}
    assert fetched == {artifact.manifest for artifact in ends}


def test_artifact_with_a_constantly_moving_tag_can_be_promoted(
    registry_host: str, repository: str, opened: Opener, tmp_path: Path
) -> None:
    artifacts = {f"v1.0.{number}": image(str(number).encode()) for number in range(5)}
    for version, artifact in artifacts.items():
        raw.push(registry_host, repository, artifact, f"{version}-dev")

    with ThreadPoolExecutor(1) as other:
        tagging = other.submit(
            tag_in_turn, registry_host, repository, list(artifacts.values()), "elsewhere"
        )
        outcomes = []
        for version in artifacts:
            # The tags are not cached: each is read for the first time.
            with engine_on(opened(registry_host, repository), tmp_path) as engine:
                outcomes.append(promote(engine, version, "staging").outcome)
        tagging.result()

    assert outcomes == [Ending.PROMOTED] * len(artifacts)
