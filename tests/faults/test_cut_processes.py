"""A promotion killed with kill -9 on a real registry is completed by repeating the command."""

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Tag
from engine.domain.manifest import IMAGE_MANIFEST
from engine.domain.record import PromotionRecord
from engine.domain.status import Alignment
from tests.builders import Artifact, image
from tests.peers import raw
from tests.scenarios.commands import Floe, finish
from tests.scenarios.engines import engine_on

KILLS = 15
SIGKILL = -9


def tags_of(host: str, repository: str) -> set[str]:
    answer = httpx.get(f"http://{host}/v2/{repository}/tags/list").raise_for_status()
    return set(answer.json()["tags"])


def await_tag(host: str, repository: str, tag: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until `tag` exists or the process that writes it ended."""
    with httpx.Client(headers={"Accept": IMAGE_MANIFEST}) as client:
        url = f"http://{host}/v2/{repository}/manifests/{tag}"
        while process.poll() is None and client.head(url).status_code != httpx.codes.OK:
            time.sleep(0.002)


@pytest.mark.requirement("NFR-004")
def test_killed_promotion_is_completed_by_repeating_it(
    registry_host: str,
    repository: str,
    opened: Callable[..., DistributionRegistry],
    tmp_path: Path,
) -> None:
    floe = Floe.on(f"oci://{registry_host}/{repository}", tmp_path)
    versions = [f"v1.0.{number}" for number in range(KILLS + 1)]
    artifacts = {version: image(version.encode(), indent=1) for version in versions}
    for version, artifact in artifacts.items():
        raw.push(registry_host, repository, artifact, f"{version}-dev")
    chance = random.Random(7)
    started = time.monotonic()
    assert floe.promote(versions[0], "staging").code == 0
    usual = time.monotonic() - started

    endings = []
    for number, version in enumerate(versions[1:], start=2):
        process = floe.start("platform", "promote", version, "--to", "staging")
        if number % 3:
            tag = chance.choice([f"{version}-staging", f"floe-ledger.staging.{number}"])
            await_tag(registry_host, repository, tag, process)
            time.sleep(chance.uniform(0, 0.02))
        else:
            time.sleep(usual * chance.uniform(0.5, 1.0))
        process.kill()
        endings.append(finish(process).code)
        assert floe.promote(version, "staging").code == 0

    assert set(endings) <= {SIGKILL, 0}
    assert SIGKILL in endings
    registry = opened(registry_host, repository)
    assert_whole(registry, tmp_path, artifacts)
    expected = {f"{version}-{env}" for version in versions for env in ("dev", "staging")}
    expected |= {f"floe-ledger.staging.{number}" for number in range(1, KILLS + 2)}
    hidden = ("sha256-", "floe-policy.")
    found = {t for t in tags_of(registry_host, repository) if not t.startswith(hidden)}
    assert found == expected | {"floe-head.staging", "latest-staging"}


def assert_whole(
    registry: DistributionRegistry, folder: Path, artifacts: dict[str, Artifact]
) -> None:
    """
    Each version has one linked record and one listing, in order, and `latest` is the last one.
    """
    with engine_on(registry, folder) as engine:
        chain = engine.history("staging", limit=100)
        staging = engine.status()[1]
    assert [entry.sequence for entry in reversed(chain)] == list(range(1, len(artifacts) + 1))
    recorded = [e.record for e in reversed(chain) if isinstance(e.record, PromotionRecord)]
    assert [record.version for record in recorded] == list(artifacts)
    assert staging.alignment is Alignment.ALIGNED
    for version, artifact in artifacts.items():
        assert registry.fetch(Tag(f"{version}-staging")) == artifact.manifest
        assert len(registry.referrers(artifact.manifest.digest)) >= 1
