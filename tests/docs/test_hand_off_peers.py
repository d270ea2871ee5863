"""The documents of docs/hand-off.md, with the programs that they are for."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from tests.builders import image
from tests.docs.test_hand_off import DIGEST, SECRET, text
from tests.domain.records import a_promotion, a_rollback
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.go import peer
from tests.peers.signing import SigningKey, claims
from tests.web.serving import serving
from tests.web.stage import ALICE, Stage, stage_in
from tests.webhooks.webhook_kit import webhooks

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]
SERVER = "https://floe.example.com"
REPOSITORY = "harbor.example.com/acme/platform"
KEY = SigningKey.new()


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer(KEY) as running:
        yield running


@pytest.fixture
def stage(tmp_path: Path, issuer: FakeIssuer) -> Iterator[Stage]:
    """A platform with v1.0.0 in staging."""
    oidc = f"{{issuer: '{issuer.issuer}', audience: floe}}"
    reports = "deployments: {secret_env: OIDC_SECRET}"
    with stage_in(tmp_path, reports, oidc=oidc, secret=SECRET) as running:
        running.publish("v1.0.0")
        running.ask("v1.0.0", "staging")
        yield running


@pytest.fixture
def token(issuer: FakeIssuer) -> str:
    return KEY.sign(claims(issuer.issuer, sub=ALICE, email=ALICE, email_verified=True))


@pytest.fixture
def address(stage: Stage) -> Iterator[str]:
    stage.site.records.refresh()
    with serving(stage.app) as running:
        yield running


def run(name: str, *arguments: str, given: object = None, **environ: str) -> str:
    """Run a program with `given` as JSON on its standard input, and return its output."""
    ran = subprocess.run(
        [peer(f"handoff-{name}"), *arguments],
        input=json.dumps(given),
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def here(document: str, address: str) -> str:
    """Return `document` with the address of the server, about staging."""
    return document.replace(SERVER, address).replace("env=prod", "env=staging")


def staging(stage: Stage) -> str:
    """Return the summary of the deployments in staging."""
    return str(stage.json("/api/v1/deployments")[1]["summary"])


def flux_event(**fields: object) -> dict[str, object]:
    return {
        "involvedObject": {"kind": "Kustomization", "namespace": "flux-system", "name": "platform"},
        "severity": "info",
        "reason": "ReconciliationSucceeded",
        "message": "Reconciliation finished",
        "timestamp": datetime.now(UTC).isoformat(),
        "reportingController": "kustomize-controller",
        "metadata": {"revision": f"v1.0.0@{DIGEST}"},
    } | fields


def test_flux_reports_with_a_signature_and_with_a_token(stage: Stage, address: str) -> None:
    provider = yaml.safe_load(here(text("Provider"), address))["spec"]["address"]

    run("flux", provider, given=flux_event(), FLUX_HMAC_KEY=SECRET)
    signed = staging(stage)
    failed = flux_event(severity="error", reason="HealthCheckFailed")
    run("flux", provider.replace("eu-1", "eu-2"), given=failed, FLUX_TOKEN=SECRET)

    assert "1 of 1 cluster healthy" in signed
    assert staging(stage) == "1 of 2 clusters healthy, 1 failed: eu-2"
    with pytest.raises(AssertionError, match="401"):
        run("flux", provider, given=flux_event(), FLUX_HMAC_KEY="another")


@pytest.mark.parametrize(
    ("health", "summary"),
    [("Healthy", "1 of 1"), ("Progressing", "0 of 1"), ("Degraded", "failed: eu-1")],
)
def test_argo_cd_sends_the_documented_notification(
    stage: Stage, address: str, health: str, summary: str
) -> None:
    data = yaml.safe_load(here(text("ConfigMap"), address))["data"]
    service = yaml.safe_load(data["service.webhook.floe"])
    for header in service["headers"]:
        header["value"] = header["value"].replace("$floe-deployments-secret", SECRET)
    status = {"health": {"status": health}, "summary": {"images": [f"acme/platform@{DIGEST}"]}}

    run(
        "argo",
        given={
            "name": "floe",
            "service": service | {"retryMax": 1},
            "template": yaml.safe_load(data["template.floe-health"])["webhook"],
            "vars": {"app": {"metadata": {"name": "eu-1"}, "status": status}},
        },
    )

    assert summary in staging(stage)


def measured(address: str, digest: str, token: str) -> str:
    """Measure the documented metric for `digest` in staging, and return the phase."""
    document = here(text("AnalysisTemplate"), address)
    document = document.replace("{{args.digest}}", digest).replace("{{args.token}}", token)
    [metric] = yaml.safe_load(document)["spec"]["metrics"]
    found = json.loads(run("rollouts", given=metric))
    return f"{found['phase']} {found.get('message', '')}".strip()


def test_argo_rollouts_admits_promoted_artifacts_only(
    stage: Stage, address: str, token: str
) -> None:
    other = str(image(b"v1.1.0").manifest.digest)
    stage.publish("v1.1.0")

    before = [measured(address, digest, token) for digest in (DIGEST, other)]
    stage.ask("v1.1.0", "staging")
    stage.site.records.refresh()
    both = [measured(address, digest, token) for digest in (DIGEST, other)]
    stage.roll_back("v1.0.0", "staging")
    stage.site.records.refresh()
    after = [measured(address, digest, token) for digest in (DIGEST, other)]

    assert before == after == ["Successful", "Failed"]
    assert both == ["Successful", "Successful"]
    assert "401" in measured(address, DIGEST, "no-token")


@pytest.fixture
def receiver() -> Iterator["subprocess.Popen[str]"]:
    command = [str(peer("handoff-cdevents"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_cdevents_are_valid_for_their_sdk(
    receiver: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    assert receiver.stdout is not None
    url = f"http://{receiver.stdout.readline().strip()}/"
    sender = webhooks(tmp_path, url, format="cdevents")
    records = {
        "deployed": a_promotion(repository=REPOSITORY, previous=None, promotion_id=uuid4()),
        "upgraded": a_promotion(repository=REPOSITORY, promotion_id=uuid4()),
        "rolledback": a_rollback(repository=REPOSITORY, rollback_id=uuid4()),
    }

    for predicate, record in records.items():
        sender.enqueue(record)
        sender.deliver_due()
        found = json.loads(receiver.stdout.readline())

        assert "error" not in found, found
        assert found["type"] == f"dev.cdevents.service.{predicate}.0.3.0"
        assert found["event"]["subject"]["content"]["environment"] == {"id": "prod"}
    assert sender.undelivered() == ()


@pytest.mark.parametrize("encoding", ["binary", "structured"])
def test_cdevent_of_the_sdk_is_a_report(stage: Stage, address: str, encoding: str) -> None:
    purl = f"pkg:oci/platform@{DIGEST.replace(':', '%3A')}?repository_url={REPOSITORY}"

    run(
        "cdevents", "send", f"{address}/api/v1/deployments", SECRET, encoding, "/clusters/eu-1",
        "staging", purl,
    )  # fmt: skip

    assert "1 of 1 cluster healthy" in staging(stage)
