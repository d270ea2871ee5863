"""
A real registry that has the referrers API.

It does not answer a PUT with OCI-Subject, so that the specification asks for the fallback tag as
well. Both are correct there, and floe reads the API.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest
from engine.domain.manifest import IMAGE_INDEX, Descriptor
from tests.builders import image, referrer
from tests.conftest import Place
from tests.peers import raw
from tests.peers.go import peer, referrers_registry
from tests.scenarios.engines import engine_on, promote

RECORD = "application/vnd.floe.promotion.v1+json"


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with referrers_registry() as running:
        yield running


@pytest.fixture
def place(host: str, repository: str, opened: Callable[..., DistributionRegistry]) -> Place:
    remote = opened(host, repository)
    return Place(remote, lambda artifact, tag: raw.push(host, repository, artifact, tag))


def listed(host: str, repository: str, digest: Digest) -> list[dict[str, object]]:
    """List the attached manifests as the registry reports them."""
    answer = httpx.get(f"http://{host}/v2/{repository}/referrers/{digest}")
    assert answer.headers["content-type"] == IMAGE_INDEX
    return list(answer.json()["manifests"])


def test_manifest_attached_by_another_tool_is_listed(place, host, repository):
    subject = image(b"subject")
    place.push(subject, "v1.0.0")
    attached = referrer(subject.manifest, RECORD, annotations={"a": "b"})
    place.push(attached, None)

    [found] = place.registry.referrers(subject.manifest.digest)

    assert found.digest == str(attached.manifest.digest)


def test_attaching_writes_no_fallback_tag(place, host, repository):
    subject = image(b"subject")
    place.push(subject, "v1.0.0")
    attached = referrer(subject.manifest, RECORD)
    place.push(attached, None)

    place.registry.attach(
        subject.manifest.digest,
        Descriptor.model_validate(attached.manifest.descriptor.to_json()),
    )

    assert [str(tag) for tag in place.registry.tags()] == ["v1.0.0"]


def test_the_record_of_a_promotion_is_listed_and_found_again(place, host, repository, tmp_path):
    artifact = image(b"one")
    place.push(artifact, "v1.0.0-dev")
    with engine_on(place.registry, tmp_path) as engine:
        result = promote(engine, "v1.0.0", "staging")
        head = engine.runner.ledger.head("staging")
        found = engine.runner.ledger.find_promotion(head, artifact.manifest.digest)

    assert result.error is None
    assert [entry["digest"] for entry in listed(host, repository, artifact.manifest.digest)] == [
        str(found.digest)
    ]


def test_oras_discovers_the_record(place, host, repository, tmp_path: Path):
    oras = peer("oras")
    place.push(image(b"one"), "v1.0.0-dev")
    with engine_on(place.registry, tmp_path) as engine:
        promote(engine, "v1.0.0", "staging")

    command = [str(oras), "discover", "--plain-http", f"{host}/{repository}:v1.0.0-staging"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert RECORD in said.stdout
