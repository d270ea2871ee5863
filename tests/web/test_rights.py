"""A token proves an identity; every right needs a rule that names that identity."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from engine.domain.change import ChangeState
from engine.domain.record import RefusalRecord
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.scenarios.changing import until
from tests.web.stage import ALICE, BOB, CAROL, PROXY, Stage, signed_in, stage_in

pytestmark = [pytest.mark.requirement("WB-002"), pytest.mark.requirement("FR-046")]
API = "/api/v1"
DAVE, STRANGER = "dave@acme.com", "mallory@elsewhere.example"
READING = (
    "/status",
    "/environments/prod",
    "/history",
    "/versions",
    "/changes",
    "/audit",
    "/webhooks",
    "/artifacts/v1.0.0/signature",
)
Open = Callable[[str], "Client"]


@dataclass(frozen=True)
class Client:
    """A client with a valid token of any person."""

    stage: Stage
    issuer: str
    key: SigningKey

    def token(self, who: str) -> dict[str, str]:
        said = claims(self.issuer, sub=who, email=who, email_verified=True)
        return {"Authorization": f"Bearer {self.key.sign(said)}"}

    def post(self, path: str, who: str, key: str | None = None, **body: Any) -> TestResponse:
        headers = self.token(who) | ({"Idempotency-Key": key} if key else {})
        return self.stage.client.post(API + path, json=body, headers=headers)

    def get(self, path: str, who: str | None) -> TestResponse:
        headers = self.token(who) if who else {}
        return self.stage.client.get(API + path, headers=headers)

    def refusals(self, environment: str) -> list[RefusalRecord]:
        """Return the recorded refusals, which are written after the answer."""
        found: list[RefusalRecord] = []

        def recorded() -> bool:
            records = (e.record for e in self.stage.platform.engine.history(environment))
            found[:] = [record for record in records if isinstance(record, RefusalRecord)]
            return bool(found)

        assert until(recorded)
        return found


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Serve a platform with `web` as in its manifest."""
    key = SigningKey.new()
    with FakeIssuer(key) as issuer:
        stages = []

        def opening(web: str) -> Client:
            oidc = f"{{issuer: '{issuer.issuer}', audience: floe}}"
            stages.append(stage_in(tmp_path, web, oidc=oidc))
            stage = stages[-1].__enter__()
            stage.publish("v1.0.0", "v1.1.0")
            return Client(stage, issuer.issuer, key)

        yield opening
        for stage in stages:
            stage.__exit__(None, None, None)


@pytest.fixture
def api(opened: Open) -> Client:
    return opened(PROXY)


def refused(answer: TestResponse, status: int = 403) -> str:
    assert answer.status_code == status, answer.text
    error = (answer.json or {})["error"]
    assert error["exit_code"] == 12
    return str(error["message"])


def test_operator_without_rights_does_not_join_an_open_change(api: Client) -> None:
    api.stage.ask("v1.0.0", "staging")
    waiting = api.stage.ask("v1.0.0", "prod")

    answer = api.post("/promotions", CAROL, "run-1", version="v1.0.0", to="prod")
    again = api.post("/promotions", CAROL, "run-1", version="v1.0.0", to="prod")

    assert "is not authorized to promote to 'prod'" in refused(answer)
    assert waiting.state is ChangeState.AWAITING_APPROVAL
    assert answer.json["change_id"] not in (None, waiting.id)
    assert again.json["change_id"] == answer.json["change_id"]
    assert [(r.rule, r.operator) for r in api.refusals("prod")] == [("authorization", CAROL)]


def test_stranger_with_a_valid_token_has_no_rights_without_authorization(api: Client) -> None:
    promotion = api.post("/promotions", STRANGER, version="v1.0.0", to="staging")
    locking = api.post("/environments/staging/lock", STRANGER, reason="x")
    unlocking = api.post("/environments/staging/unlock", STRANGER, reason="x")

    for answer in (promotion, locking, unlocking):
        assert "no rule of manifest.yaml names you" in refused(answer)
    tags = {str(tag) for tag in api.stage.platform.engine.runner.registry.tags()}
    assert "v1.0.0-staging" not in tags


def test_named_operator_promotes_without_authorization(api: Client) -> None:
    answer = api.post("/promotions", DAVE, version="v1.0.0", to="staging")

    assert answer.status_code == 202


@pytest.mark.parametrize("path", READING)
def test_api_reads_need_the_rights_of_the_page(api: Client, path: str) -> None:
    assert api.get(path, None).status_code == 401
    assert "no rule of manifest.yaml names them" in refused(api.get(path, STRANGER))
    assert api.get(path, DAVE).status_code != 403


def test_dry_run_needs_only_the_right_to_read(api: Client) -> None:
    dry = {"version": "v1.0.0", "to": "staging", "dry_run": True}
    back = {"version": "v1.0.0", "environment": "staging", "reason": "x", "dry_run": True}

    refused(api.post("/promotions", STRANGER, **dry))
    refused(api.post("/rollbacks", STRANGER, **back))
    assert api.post("/promotions", DAVE, **dry).status_code == 200


def test_api_is_readable_where_the_page_has_no_sign_in(opened: Open) -> None:
    api = opened("")

    assert api.get("/status", None).status_code == 200
    assert api.get("/status", STRANGER).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("/sync", {}, "sync the secondary registries"),
        ("/webhooks", {"redeliver": "all"}, "deliver webhooks again"),
        (
            "/promotions",
            {"version": "v1.0.0", "to": "staging", "dry_run": True, "run_gates": True},
            "run gates in a dry run",
        ),
    ],
)
def test_operating_needs_identity_operators(
    api: Client, path: str, body: dict[str, Any], what: str
) -> None:
    message = refused(api.post(path, DAVE, **body))

    assert f"'{DAVE}' may not {what}" in message
    assert f'identity: {{operators: ["{DAVE}"]}}' in message
    assert api.post(path, BOB, **body).status_code in (200, 409)


def test_lockers_lock_what_they_may_not_promote_to(api: Client) -> None:
    locked = api.post("/environments/prod/lock", BOB, reason="INC-1")

    assert locked.status_code == 200


def test_refused_lock_does_not_reveal_the_holder(api: Client) -> None:
    api.stage.lock("prod", "INC-1: customer data")

    answer = api.post("/environments/prod/lock", STRANGER, reason="x")

    refused(answer)
    assert "customer data" not in answer.text
    assert ALICE not in answer.text


def test_member_of_no_group_cannot_lock(api: Client) -> None:
    answer = api.stage.client.get("/", headers=signed_in("erin@acme.com"))
    assert answer.status_code == 200

    api.stage.post("/environments/prod/lock", "erin@acme.com", "/incident", reason="x")

    assert "is not authorized to lock" in api.stage.get("/environments/prod", "erin@acme.com")


def test_first_environment_offers_no_promotion(behind_proxy: Stage) -> None:
    stage = behind_proxy
    stage.publish("v1.0.0")

    page = stage.get("/environments/dev", ALICE)

    assert "Builds publish into dev, so nothing is promoted to it" in page
    assert "/environments/dev/promote" not in page
    assert "/environments/staging/promote" in stage.get("/environments/staging", ALICE)
