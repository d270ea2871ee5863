"""`floe platform promote` for people and scripts."""

import base64
import json
import re
import time
from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import docker_registry as docker
from tests.peers import oci_layout, skopeo
from tests.scenarios.commands import Finished, Floe

LAYOUT = "oci-layout:./registry"
PASSING = (
    "{environments: [{name: dev}, {name: staging, gates: {tests: true, cost_analysis: true}},"
    " {name: prod, gates: {tests: true}}],"
    " gate_commands: {tests: 'touch ran', cost_analysis: 'true'}}"
)
FAILING = (
    "{environments: [{name: dev}, {name: staging, gates: {tests: true}}],"
    " gate_commands: {tests: 'false'}}"
)


def platform(folder: Path, promotion: str = PASSING) -> Floe:
    """An embedded registry with v1.0.0 and v1.1.0 in dev."""
    for version in ("v1.0.0", "v1.1.0"):
        oci_layout.write(folder / "registry", image(version.encode()), f"{version}-dev")
    return Floe.on(LAYOUT, folder, promotion)


def promote(floe: Floe, version: str, target: str, *more: str) -> Finished:
    return floe.run("platform", "promote", version, "--to", target, *more)


@pytest.mark.requirement("FR-001")
@pytest.mark.requirement("FR-033")
def test_promotion_is_reported_in_the_documented_words(tmp_path: Path) -> None:
    done = promote(platform(tmp_path), "v1.0.0", "staging", "--from", "dev")

    assert done.code == 0
    assert done.out.splitlines()[0] == "Promoted v1.0.0 from dev to staging"
    assert "New tag: v1.0.0-staging" in done.out
    assert "Latest tag updated: latest-staging" in done.out
    assert "Gates passed: 3 of 3" in done.out
    assert re.search(r"^Trace ID: [0-9a-f]{32}$", done.out, re.MULTILINE)
    assert "tests: passed" in done.err


@pytest.mark.requirement("FR-033")
def test_trace_id_of_the_caller_is_used(tmp_path: Path) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    floe = Floe(platform(tmp_path).folder, {"TRACEPARENT": f"00-{trace}-00f067aa0ba902b7-01"})

    done = floe.promote("v1.0.0", "staging")

    assert done.document["trace_id"] == trace


@pytest.mark.requirement("FR-007")
def test_dry_run_shows_the_result_and_changes_nothing(tmp_path: Path) -> None:
    floe = platform(tmp_path)
    before = (tmp_path / "registry" / "index.json").read_bytes()

    done = promote(floe, "v1.0.0", "staging", "--dry-run")

    assert done.code == 0
    assert done.out.splitlines()[0] == "[DRY RUN] Would promote v1.0.0 from dev to staging"
    assert "v1.0.0-staging -> sha256:" in done.out
    assert "skipped  tests: not run in a dry run" in done.out
    assert "Promotion would succeed" in done.out
    assert (tmp_path / "registry" / "index.json").read_bytes() == before
    assert not (tmp_path / "ran").exists()


@pytest.mark.requirement("FR-007")
def test_dry_run_runs_gates_on_request(tmp_path: Path) -> None:
    floe = platform(tmp_path, FAILING)

    listed = promote(floe, "v1.0.0", "staging", "--dry-run")
    run = promote(floe, "v1.0.0", "staging", "--dry-run", "--run-gates")

    assert (listed.code, run.code) == (0, 8)
    assert "BLOCKED: Tests gate would fail: Gate 'tests' failed" in run.out


@pytest.mark.requirement("FR-007")
@pytest.mark.requirement("FR-010")
def test_dry_run_has_the_exit_code_of_the_real_run(tmp_path: Path) -> None:
    refused = image(
        b'{"enforcement_result": {"passed": false}}',
        layer_type="application/vnd.floe.compiled-artifacts.v1+json",
    )
    floe = platform(tmp_path)
    oci_layout.write(tmp_path / "registry", refused, "v2.0.0-dev")

    dry = promote(floe, "v2.0.0", "staging", "--dry-run")
    real = promote(floe, "v2.0.0", "staging")

    assert (dry.code, real.code) == (8, 8)
    assert "BLOCKED: Policy compliance gate would fail" in dry.out
    assert "Gate 'policy_compliance' failed" in real.err


def test_dry_run_of_a_completed_promotion_says_so(tmp_path: Path) -> None:
    floe = platform(tmp_path)
    promote(floe, "v1.0.0", "staging")

    table = promote(floe, "v1.0.0", "staging", "--dry-run")
    document = floe.promote("v1.0.0", "staging", "--dry-run").document

    assert table.code == 0
    assert "Unchanged: v1.0.0 from dev to staging was promoted already" in table.out
    assert document["outcome"] == "unchanged"


@pytest.mark.requirement("NFR-004")
def test_repeated_promotion_succeeds(tmp_path: Path) -> None:
    floe = platform(tmp_path)
    first = floe.promote("v1.0.0", "staging")

    again = floe.promote("v1.0.0", "staging")

    assert (first.code, again.code) == (0, 0)
    assert (first.document["outcome"], again.document["outcome"]) == ("promoted", "unchanged")
    assert again.document["promotion_id"] == first.document["promotion_id"]


@pytest.mark.requirement("FR-032")
@pytest.mark.parametrize(
    ("version", "target", "code", "words"),
    [
        ("v1.0.0", "nowhere", 2, "'nowhere' is not an environment"),
        ("latest", "staging", 2, "'latest' is not a version"),
        ("v9.9.9", "staging", 3, "Nearest there: v1.0.0, v1.1.0"),
        ("v1.0.0", "prod", 3, "There is no 'v1.0.0-staging'"),
        ("v1.0.0", "prod", 3, "v1.0.0 is in dev. Promote it to staging first: floe platform"),
    ],
)
def test_each_failure_has_its_exit_code_and_reason(
    tmp_path: Path, version: str, target: str, code: int, words: str
) -> None:
    done = promote(platform(tmp_path), version, target)

    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert "Traceback" not in done.err


@pytest.mark.requirement("FR-001")
@pytest.mark.requirement("FR-032")
def test_step_off_the_path_is_exit_9_and_names_the_path(tmp_path: Path) -> None:
    done = promote(platform(tmp_path), "v1.0.0", "prod", "--from", "dev")

    assert done.code == 9
    assert "Cannot promote from 'dev' to 'prod'. Required path: dev -> staging -> prod" in done.err


@pytest.mark.requirement("FR-006")
@pytest.mark.requirement("FR-032")
def test_failed_gate_is_exit_8_and_promotes_nothing(tmp_path: Path) -> None:
    done = promote(platform(tmp_path, FAILING), "v1.0.0", "staging")

    assert done.code == 8
    assert "Gate 'tests' failed" in done.err
    assert "v1.0.0-staging" not in (tmp_path / "registry" / "index.json").read_text()


@pytest.mark.requirement("FR-032")
def test_version_tagged_by_hand_is_exit_11(tmp_path: Path) -> None:
    floe = platform(tmp_path)
    oci_layout.write(tmp_path / "registry", image(b"by hand"), "v1.0.0-staging")

    done = promote(floe, "v1.0.0", "prod")

    assert done.code == 11


@pytest.mark.requirement("FR-032")
def test_unreachable_registry_is_exit_5_within_moments(tmp_path: Path) -> None:
    # No process listens on port 1 of loopback.
    floe = Floe.on("oci://127.0.0.1:1/acme/platform", tmp_path)
    started = time.monotonic()

    done = promote(floe, "v1.0.0", "staging")

    assert done.code == 5
    assert "registry 127.0.0.1:1 cannot be reached" in done.err
    assert time.monotonic() - started < 15


@pytest.mark.requirement("FR-032")
def test_wrong_password_is_distinguished_from_a_missing_artifact(tmp_path: Path) -> None:
    def login(password: str) -> str:
        folder = tmp_path / password
        folder.mkdir()
        pair = base64.b64encode(f"{docker.USER}:{password}".encode()).decode()
        known = {"auths": {registry.host: {"auth": pair}}}
        (folder / "config.json").write_text(json.dumps(known))
        return str(folder)

    with docker.docker_registry(tmp_path, htpasswd=True) as registry:
        credentials = f"{docker.USER}:{docker.PASSWORD}"
        skopeo.push(registry.host, "acme/platform", image(), "v1.0.0-dev", credentials)
        right = Floe.on(
            f"oci://{registry.host}/acme/platform", tmp_path, DOCKER_CONFIG=login(docker.PASSWORD)
        )
        wrong = Floe(right.folder, {"DOCKER_CONFIG": login("wrong")})
        refused = promote(wrong, "v1.0.0", "staging")
        done = promote(right, "v1.0.0", "staging")

    assert refused.code == 5
    assert "refused the user name or password (401" in refused.err
    assert f"of '{docker.USER}'" in refused.err
    assert "wrong" not in refused.err
    assert done.code == 0
