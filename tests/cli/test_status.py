"""A broken ledger affects one row of the status, and one environment can be read alone."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.bootstrap import open_products
from engine.domain.deployments import Deployment, Health
from engine.ports.telemetry import NO_METRICS
from tests.builders import image
from tests.config.server_files import load, write_product, write_server
from tests.peers import oci_layout
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.commands import UNGATED, Floe

JSON = ("--output", "json")
LAYOUT = "oci-layout:./registry"
BROKEN = "floe-head.staging"


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """v1.0.0 is in staging and in prod; the newest entry of staging is then lost."""
    for version in ("v1.0.0", "v1.1.0"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
    platform = Floe.on(LAYOUT, tmp_path)
    for version, target in (("v1.0.0", "staging"), ("v1.0.0", "prod"), ("v1.1.0", "staging")):
        assert platform.promote(version, target).code == 0
    assert platform.promote("v1.1.0", "prod").code == 0
    oci_layout.lose(tmp_path / "registry", BROKEN)
    return platform


def test_broken_ledger_affects_one_row(floe: Floe) -> None:
    shown, as_json = floe.run("platform", "status"), floe.run("platform", "status", *JSON)

    assert (shown.code, as_json.code) == (0, 0), shown.err
    _dev, staging, prod = as_json.document
    assert staging["error"]["reason_code"] == "content_missing"
    assert (staging["alignment"], staging["version"], staging["locked"]) == ("unknown", None, None)
    assert (prod["version"], prod["error"]) == ("v1.1.0", None)
    assert "error: the image layout" in shown.out
    assert "nothing promoted yet" not in row(shown.out, "staging")


def test_requested_environment_is_readable_while_another_is_broken(floe: Floe) -> None:
    as_json = floe.run("platform", "status", "--env", "prod", "--history", "5", *JSON)

    assert as_json.code == 0
    assert [row["environment"] for row in as_json.document] == ["prod"]
    assert len(as_json.document[0]["history"]) == 2


def test_requested_broken_environment_is_shown_with_exit_5(floe: Floe) -> None:
    arguments = ("platform", "status", "--env", "staging", "--history", "5")
    shown, as_json = floe.run(*arguments), floe.run(*arguments, *JSON)

    assert (shown.code, as_json.code) == (5, 5)
    assert as_json.document[0]["error"]["exit_code"] == 5
    assert as_json.document[0]["history"] is None
    assert "error: the image layout" in shown.out


def test_history_limit_applies_per_environment(tmp_path: Path) -> None:
    for version in ("v1.0.0", "v1.1.0"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
    floe = Floe.on(LAYOUT, tmp_path)
    for version, target in (("v1.0.0", "staging"), ("v1.0.0", "prod"), ("v1.1.0", "staging")):
        assert floe.promote(version, target).code == 0

    as_json = floe.run("platform", "status", "--history", "1", *JSON)
    shown = floe.run("platform", "status", "--history", "1")

    histories = {row["environment"]: row["history"] for row in as_json.document}
    assert {name: len(kept) for name, kept in histories.items()} == {
        "dev": 0,
        "staging": 1,
        "prod": 1,
    }
    assert histories["staging"][0]["version"] == "v1.1.0"
    assert shown.out.count("promotion ") == 2


def test_status_of_one_environment_reads_no_other(tmp_path: Path) -> None:
    with FakeRegistry() as fake:
        fake.hold("acme/platform", image(), "v1.0.0-dev")
        floe = Floe.on(f"oci://{fake.host}/acme/platform", tmp_path, UNGATED)
        assert floe.promote("v1.0.0", "staging").code == 0
        fake.requests.clear()

        done = floe.run("platform", "status", "--env", "staging", *JSON)

        assert (done.code, done.document[0]["version"]) == (0, "v1.0.0")
        named = [request.path.rpartition("/")[2] for request in fake.requests]
        assert "floe-head.staging" in named
        assert not [name for name in named if name.endswith(("dev", "prod"))]
        assert len(named) <= 4, named


@pytest.mark.parametrize("which", [("--product", "shop"), ("--all",)])
def test_reported_health_is_shown_without_a_further_request(
    tmp_path: Path, which: tuple[str, ...]
) -> None:
    server = write_server(tmp_path, f"promotion: {UNGATED}")
    floe = Floe(tmp_path, {"FLOE_MANIFEST": str(server)})
    with FakeRegistry() as fake:
        fake.hold("acme/platform", image(), "v1.0.0-dev")
        uri = f"uri: 'oci://{fake.host}/acme/platform', insecure: true"
        write_product(tmp_path, "shop", f"artifacts: {{registry: {{{uri}}}}}\n")
        assert floe.promote("v1.0.0", "staging", "--product", "shop").code == 0
        found = []
        for reported in (False, True):
            if reported:
                report(server, "shop", "staging")
            fake.requests.clear()
            shown = floe.run("platform", "status", *which).out
            asked = sorted(request.path for request in fake.requests)
            listed = floe.run("platform", "status", *which, *JSON).document
            found.append((row(shown, "staging"), asked, listed))

    (before, asked, unreported), (after, asked_again, listed) = found
    assert asked_again == asked
    assert "1 of 1 cluster healthy" not in before
    assert "1 of 1 cluster healthy" in after
    assert not [each for each in rows(unreported) if "health" in each]
    [new] = [each for each in rows(listed) if "health" in each]
    assert (new["environment"], new["health"]["healthy"]) == ("staging", 1)
    assert new["health"]["targets"][0]["target"] == "eu-1"


def report(server: Path, product: str, environment: str) -> None:
    """Store a report of health, as the server of the platform does."""
    at = datetime.now(UTC)
    healthy = Deployment("eu-1", str(image().manifest.digest), Health.HEALTHY, at)
    with open_products(load(server).products, NO_METRICS, several=True) as products:
        assert products[product].deployments.add(environment, healthy, at)


def rows(document: Any) -> Any:
    """The environments in the status of one product, or of all."""
    return document if isinstance(document, list) else document["products"][0]["environments"]


def row(text: str, environment: str) -> str:
    return next(line for line in text.splitlines() if environment in line)


def test_first_environment_shows_the_newest_published_version(
    tmp_path: Path,
) -> None:
    for version in ("v1.9.0", "v1.10.0", "v1.10.0-rc.1"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
    floe = Floe.on(LAYOUT, tmp_path)

    shown, as_json = floe.run("platform", "status"), floe.run("platform", "status", *JSON)

    assert row(shown.out, "dev").split()[1] == "v1.10.0"
    assert "published by the build" in row(shown.out, "dev")
    assert [each["published_version"] for each in as_json.document] == ["v1.10.0", None, None]
