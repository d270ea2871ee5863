"""Systems that deploy report health; late, repeated and foreign reports have no effect."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.builders import image
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.web.stage import ALICE, BOB, PROXY, Stage, person, stage_in
from web.rate import Rate

SECRET = "s3cret"
REPORTS = f"{PROXY}, deployments: {{secret_env: OIDC_SECRET}}"
DIGEST = str(image(b"v1.0.0").manifest.digest)
OTHER = str(image(b"v1.1.0").manifest.digest)
HEALTHY = {"target": "eu-1", "digest": DIGEST, "health": "healthy"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A platform with v1.0.0 in staging that takes signed reports."""
    with stage_in(tmp_path, REPORTS, secret=SECRET) as running:
        running.publish("v1.0.0", "v1.1.0")
        running.ask("v1.0.0", "staging")
        running.site.records.refresh()
        yield running


def send(
    stage: Stage,
    body: object,
    place: str = "",
    secret: str = SECRET,
    kind: str = "json",
    **more: str,
) -> TestResponse:
    if isinstance(body, dict) and "health" in body:
        body = {"at": datetime.now(UTC).isoformat()} | body
    content = json.dumps(body).encode()
    mac = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return stage.client.post(
        f"/api/v1/deployments{place}",
        data=content,
        headers={"Content-Type": f"application/{kind}", "X-Signature": f"sha256={mac}"} | more,
    )


def staging(stage: Stage) -> Any:
    answer = stage.client.get("/api/v1/deployments", headers={"X-Forwarded-Email": ALICE})
    return answer.json[1]


def test_report_is_shown_on_the_page_and_in_the_api(stage: Stage) -> None:
    answers = [send(stage, HEALTHY | {"target": name}) for name in ("eu-1", "eu-2")]
    answers.append(send(stage, HEALTHY | {"target": "eu-3", "health": "Progressing"}))

    assert [(a.status_code, a.json["accepted"]) for a in answers] == [(202, ["staging"])] * 3
    assert staging(stage)["summary"] == "2 of 3 clusters healthy"
    assert "2 of 3 clusters healthy" in stage.get("/", ALICE)
    [change] = stage.platform.store.recent(9)
    assert "2 of 3 clusters healthy" in stage.get(f"/changes/{change.id}", ALICE)


def test_reports_change_no_ledger(stage: Stage) -> None:
    index = (stage.folder / "registry" / "index.json").read_bytes()

    for health in ("healthy", "failed", "progressing"):
        send(stage, HEALTHY | {"health": health})

    assert (stage.folder / "registry" / "index.json").read_bytes() == index


def test_foreign_and_late_reports_have_no_effect(stage: Stage) -> None:
    stage.ask("v1.1.0", "staging")
    stage.site.records.refresh()
    hours_ago = (datetime.now(UTC) - timedelta(hours=2)).isoformat()

    foreign = send(stage, HEALTHY)
    late = send(stage, HEALTHY | {"digest": OTHER, "at": hours_ago})

    assert [(a.status_code, a.json["accepted"]) for a in (foreign, late)] == [(200, [])] * 2
    assert foreign.json["ignored"] == "No environment runs this artifact now"
    named = send(stage, HEALTHY, "?env=staging")
    assert named.json["ignored"] == "staging does not run this artifact now"
    assert "older than the promotion to staging" in late.json["ignored"]
    assert (staging(stage)["summary"], staging(stage)["total"]) == (None, 0)


def test_report_right_after_the_promotion_counts(stage: Stage) -> None:
    stage.ask("v1.1.0", "staging")

    answer = send(stage, HEALTHY | {"digest": OTHER})

    assert answer.json["accepted"] == ["staging"]


def test_report_is_refused_while_the_ledger_cannot_be_read(stage: Stage) -> None:
    (stage.folder / "registry" / "index.json").write_text("{")

    unread = send(stage, HEALTHY | {"digest": OTHER}, "?env=staging")

    assert unread.status_code == 503
    assert "The ledger of staging cannot be read" in unread.json["error"]["message"]


def test_report_is_refused_while_the_ledger_lost_entries(stage: Stage) -> None:
    index = stage.folder / "registry" / "index.json"
    before = index.read_bytes()
    stage.ask("v1.1.0", "staging")
    index.write_bytes(before)
    stage.site.records.refresh()  # It may have seen the promotion before the loss.

    answer = send(stage, HEALTHY | {"digest": OTHER}, "?env=staging")

    assert (answer.status_code, staging(stage)["total"]) == (503, 0)


def test_signed_report_may_have_an_idempotency_key(stage: Stage) -> None:
    answer = send(stage, HEALTHY, **{"Idempotency-Key": "retry-1"})

    assert answer.status_code == 202


def test_repeated_report_has_no_effect(stage: Stage) -> None:
    failed = HEALTHY | {"health": "failed", "at": datetime.now(UTC).isoformat()}
    send(stage, failed)
    send(stage, HEALTHY)

    again = send(stage, failed)

    assert "is as new, or newer" in again.json["ignored"]
    assert staging(stage)["summary"].startswith("1 of 1 cluster healthy after ")


def test_environment_must_be_named_where_several_run_the_artifact(stage: Stage) -> None:
    stage.ask("v1.0.0", "prod")
    stage.settle(stage.ask("v1.0.0", "prod").id)
    bob = person(stage.platform, BOB)
    stage.platform.changes.approve(stage.platform.store.open()[0].id, bob, "api")
    stage.settle(stage.platform.store.open()[0].id)
    stage.site.records.refresh()

    unnamed, named = send(stage, HEALTHY), send(stage, HEALTHY, "?env=prod&target=us-1")

    assert unnamed.status_code == 400
    assert "staging and prod run this artifact: name one" in unnamed.json["error"]["message"]
    assert named.json["accepted"] == ["prod"]


def cdevent(name: str = "deployed") -> dict[str, Any]:
    context = {
        "specversion": "0.5.1",
        "id": "1",
        "source": "/cluster/eu-1",
        "type": f"dev.cdevents.service.{name}.0.3.0",
        "timestamp": datetime.now(UTC).isoformat(),
    }
    artifact = f"pkg:oci/platform@{DIGEST.replace(':', '%3A')}"
    content = {"environment": {"id": "staging"}, "artifactId": artifact}
    return {"context": context, "subject": {"id": "platform", "content": content}}


FLUX = {
    "involvedObject": {"kind": "Kustomization", "namespace": "apps", "name": "platform"},
    "severity": "error",
    "reason": "HealthCheckFailed",
    "message": "timeout",
    "timestamp": datetime.now(UTC).isoformat(),
    "metadata": {"revision": f"latest@{DIGEST}", "env": "staging"},
}


def flux(reason: str) -> dict[str, str]:
    return {"severity": "info", "reason": reason}


SPEC = {"specversion": "1.0"}
ARGO = {"target": "eu-1", "images": [f"acme/platform@{DIGEST}"], "health": "Degraded"}


@pytest.mark.parametrize(
    ("body", "kind", "target", "health"),
    [
        (lambda: ARGO, "json", "eu-1", "failed"),
        (FLUX, "json", "apps/platform", "failed"),
        (FLUX | flux("Progressing"), "json", "apps/platform", "progressing"),
        (FLUX | flux("DependencyNotReady"), "json", "apps/platform", "progressing"),
        (FLUX | flux("ReconciliationSucceeded"), "json", "apps/platform", "healthy"),
        (FLUX | flux("UpgradeSucceeded"), "json", "apps/platform", "healthy"),
        (cdevent, "json", "/cluster/eu-1", "healthy"),
        (lambda: SPEC | {"data": cdevent()}, "cloudevents+json", "/cluster/eu-1", "healthy"),
    ],
)
def test_other_systems_report_in_their_own_format(
    stage: Stage, body: Any, kind: str, target: str, health: str
) -> None:
    now = {"timestamp": datetime.now(UTC).isoformat()}
    answer = send(stage, body() if callable(body) else body | now, kind=kind)

    assert answer.json == {"accepted": ["staging"], "ignored": None}
    [found] = staging(stage)["targets"]
    assert (found["target"], found["health"], found["digest"]) == (target, health, DIGEST)


@pytest.mark.parametrize(
    "body",
    [
        cdevent("removed"),
        FLUX | flux("NewArtifact") | {"involvedObject": {"kind": "OCIRepository", "name": "x"}},
    ],
)
def test_event_without_health_has_no_effect(stage: Stage, body: object) -> None:
    answer = send(stage, body)

    assert (answer.status_code, answer.json["accepted"]) == (200, [])


@pytest.mark.parametrize(
    ("body", "place", "said"),
    [
        ([], "", "input should be"),
        ({"target": "eu-1"}, "", "health"),
        (HEALTHY | {"health": "fine"}, "", "health"),
        ({**HEALTHY, "digest": None}, "", "names no digest"),
        (HEALTHY | {"at": None}, "", "send 'at' in the body"),
        ({**FLUX, "timestamp": ""}, "", "send 'at' in the body"),
        (HEALTHY | {"at": "yesterday"}, "", "is not a time"),
        (HEALTHY | {"at": "2999-01-01T00:00:00Z"}, "", "from the future"),
        (HEALTHY, "?target=eu 1", "is not a target"),
        (FLUX | {"involvedObject": {"name": "x" * 200}}, "", "is not a target"),
    ],
)
def test_malformed_report_is_refused(stage: Stage, body: object, place: str, said: str) -> None:
    answer = send(stage, body, place)

    assert answer.status_code == 400
    assert said in answer.json["error"]["message"]


def test_unknown_environment_is_not_found(stage: Stage) -> None:
    assert send(stage, HEALTHY, "?env=moon").status_code == 404


def test_unsigned_and_wrongly_signed_reports_are_refused(stage: Stage) -> None:
    unsigned = stage.client.post("/api/v1/deployments", json=HEALTHY)

    assert (unsigned.status_code, send(stage, HEALTHY, secret="x").status_code) == (401, 401)
    assert staging(stage)["total"] == 0


def test_secret_is_accepted_as_a_token_from_systems_that_cannot_sign(stage: Stage) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}

    answer = stage.client.post("/api/v1/deployments", json=HEALTHY, headers=headers)

    assert answer.status_code == 202


@pytest.mark.parametrize(("who", "status"), [(ALICE, 202), ("mallory@acme.com", 403)])
def test_oidc_token_of_an_operator_of_floe_is_accepted(
    tmp_path: Path, who: str, status: int
) -> None:
    key = SigningKey.new()
    with FakeIssuer(key) as issuer:
        oidc = f"{{issuer: '{issuer.issuer}', audience: floe}}"
        with stage_in(tmp_path, PROXY, oidc=oidc) as stage:
            stage.publish("v1.0.0")
            stage.ask("v1.0.0", "staging")
            stage.site.records.refresh()
            token = key.sign(claims(issuer.issuer, sub=who, email=who, email_verified=True))
            headers = {"Authorization": f"Bearer {token}"}

            answer = stage.client.post("/api/v1/deployments", json=HEALTHY, headers=headers)

    assert answer.status_code == status


def test_size_of_a_report_is_bounded(stage: Stage) -> None:
    assert send(stage, HEALTHY | {"images": ["x" * 70_000]}).status_code == 413


def test_number_of_reports_is_bounded(stage: Stage) -> None:
    stage.app.extensions["floe"].reports = Rate(per_second=0, burst=2)

    assert [send(stage, HEALTHY).status_code for _ in range(3)] == [202, 202, 429]
