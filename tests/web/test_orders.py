"""Programs use a bearer token and get the documents of the command line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from engine.domain.change import ChangeState
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.web.stage import ALICE, BOB, Stage, stage_in

pytestmark = pytest.mark.requirement("WB-002")
API = "/api/v1"


@dataclass(frozen=True)
class Client:
    """A client with the token of some person."""

    stage: Stage
    issuer: str
    key: SigningKey

    def post(
        self, path: str, who: str | None = ALICE, key: str | None = None, **body: Any
    ) -> TestResponse:
        headers = {"Idempotency-Key": key} if key else {}
        if who:
            said = claims(self.issuer, sub=who, email=who, email_verified=True)
            headers["Authorization"] = f"Bearer {self.key.sign(said)}"
        sent = {name.rstrip("_"): value for name, value in body.items()}
        return self.stage.client.post(API + path, json=sent, headers=headers)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Client]:
    key = SigningKey.new()
    with FakeIssuer(key) as issuer:
        oidc = f"{{issuer: '{issuer.issuer}', audience: floe}}"
        with stage_in(tmp_path, oidc=oidc) as stage:
            stage.publish("v1.0.0", "v1.1.0")
            yield Client(stage, issuer.issuer, key)


def document(answer: TestResponse, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json or {}
    return found


def test_promotion_is_accepted_and_carried_out(api: Client) -> None:
    asked = document(api.post("/promotions", version="v1.0.0", to="staging"), 202)
    change = api.stage.settle(asked["change_id"])

    again = document(api.post("/promotions", version="v1.0.0", to="staging"), 202)

    assert (asked["outcome"], asked["source_environment"]) == ("pending", "dev")
    assert asked["operator"] == ALICE
    assert change.state is ChangeState.PROMOTED
    assert change.interface == "api"
    assert api.stage.settle(again["change_id"]).state is ChangeState.PROMOTED


def test_another_person_approves_and_the_requester_cannot(api: Client) -> None:
    api.stage.ask("v1.0.0", "staging")
    asked = document(api.post("/promotions", version="v1.0.0", to="prod"), 202)
    api.stage.settle(asked["change_id"])
    approve = f"/changes/{asked['change_id']}/approve"

    own = document(api.post(approve), 403)
    other = document(api.post(approve, BOB, reason="looked at it"), 202)

    assert own["error"]["reason_code"] == "unauthorized"
    assert own["error"]["exit_code"] == 12
    assert other["state"] == "executing"
    assert other["approvals"][0]["operator"] == BOB
    assert other["approvals"][0]["interface"] == "api"
    assert api.stage.settle(asked["change_id"]).state is ChangeState.PROMOTED
    story = api.stage.platform.store.events_of(asked["change_id"])
    assert [e.details["reason"] for e in story if e.kind == "approved"] == ["looked at it"]


def test_older_version_is_refused_and_allowed_with_a_reason(api: Client) -> None:
    api.stage.publish("v0.9.0")
    api.stage.ask("v1.0.0", "staging")
    asked = {"version": "v0.9.0", "to": "staging"}
    allowed = asked | {"allow_older": True}

    refused = document(api.post("/promotions", **asked, dry_run=True), 409)
    unsaid = document(api.post("/promotions", **allowed), 400)
    judged = document(api.post("/promotions", **allowed, reason="old line", dry_run=True), 200)
    taken = document(api.post("/promotions", **allowed, reason="old line"), 202)

    assert refused["error"]["reason_code"] == "older_version"
    assert "--allow-older --reason" in refused["error"]["message"]
    assert "say why" in unsaid["error"]["message"]
    assert judged["overrides"][0]["reason"] == "old line"
    assert judged["impact_analysis"]["versions_undone"] == ["v1.0.0"]
    assert api.stage.settle(taken["change_id"]).state is ChangeState.PROMOTED


def test_rejection_needs_a_reason_and_ends_the_change(api: Client) -> None:
    api.stage.ask("v1.0.0", "staging")
    change = api.stage.ask("v1.0.0", "prod")

    empty = document(api.post(f"/changes/{change.id}/reject", BOB, reason=" "), 400)
    rejected = document(api.post(f"/changes/{change.id}/reject", BOB, reason="not today"), 200)
    late = document(api.post(f"/changes/{change.id}/approve", BOB), 409)

    assert "say why" in empty["error"]["message"]
    assert (rejected["success"], rejected["outcome"]) == (True, "rejected")
    assert late["error"]["exit_code"] == 15


def test_requester_cancels_the_change(api: Client) -> None:
    api.stage.ask("v1.0.0", "staging")
    change = api.stage.ask("v1.0.0", "prod")

    cancelled = document(api.post(f"/changes/{change.id}/cancel", reason="rebuilt"), 200)

    assert cancelled["outcome"] == "cancelled"
    assert cancelled["ended"]["message"] == f"Cancelled by {ALICE}: rebuilt"
    assert api.stage.platform.changes.get(change.id).state is ChangeState.CANCELLED


def test_locks_stop_promotions_until_unlocked(api: Client) -> None:
    locked = document(api.post("/environments/staging/lock", reason="INC-1", for_="2h"), 200)
    twice = document(api.post("/environments/staging/lock", reason="INC-1"), 423)
    dry = document(api.post("/promotions", version="v1.0.0", to="staging", dry_run=True), 423)
    unlocked = document(api.post("/environments/staging/unlock", reason="over"), 200)

    assert (locked["success"], locked["outcome"]) == (True, "locked")
    assert locked["expires_at"] is not None
    assert twice["error"]["exit_code"] == 13
    assert dry["dry_run"]
    assert dry["error"]["reason_code"] == "environment_locked"
    assert (unlocked["outcome"], unlocked["locked_by"]) == ("unlocked", ALICE)


def test_dry_run_answers_at_once_and_changes_nothing(api: Client) -> None:
    tags = api.stage.platform.engine.runner.registry.tags()

    dry = document(api.post("/promotions", version="v1.0.0", to="staging", dry_run=True), 200)

    assert (dry["success"], dry["outcome"], dry["dry_run"]) == (True, "promoted", True)
    assert dry["tags"] == ["v1.0.0-staging", "latest-staging"]
    assert api.stage.platform.engine.runner.registry.tags() == tags
    assert api.stage.platform.store.recent(9) == ()


def test_rollback_is_requested_with_its_reason(api: Client) -> None:
    api.stage.ask("v1.0.0", "staging")
    api.stage.ask("v1.1.0", "staging")
    body = {"version": "v1.0.0", "environment": "staging", "reason": "INC-8"}

    dry = document(api.post("/rollbacks", **body, dry_run=True), 200)
    asked = document(api.post("/rollbacks", **body), 202)

    assert dry["previous_version"] == "v1.1.0"
    assert dry["reason"] == "INC-8"
    assert asked["reason"] == "INC-8"
    assert api.stage.settle(asked["change_id"]).state is ChangeState.PROMOTED


def test_only_a_dry_run_of_a_rollback_needs_no_reason(api: Client) -> None:
    api.stage.ask("v1.0.0", "staging")
    api.stage.ask("v1.1.0", "staging")
    body = {"version": "v1.0.0", "environment": "staging"}

    dry = document(api.post("/rollbacks", **body, dry_run=True), 200)
    refused = document(api.post("/rollbacks", **body), 400)

    assert (dry["previous_version"], dry["reason"]) == ("v1.1.0", "")
    assert "the reason is empty: say why" in refused["error"]["message"]


def test_repeated_key_gets_the_same_answer_and_has_one_effect(api: Client) -> None:
    first = document(api.post("/promotions", key="run-7", version="v1.0.0", to="staging"), 202)
    api.stage.settle(first["change_id"])
    again = document(api.post("/promotions", key="run-7", version="v1.0.0", to="staging"), 200)
    other = document(api.post("/promotions", key="run-7", version="v1.1.0", to="staging"), 409)
    back = {"version": "v1.0.0", "environment": "staging", "reason": "INC-9"}
    another = document(api.post("/rollbacks", key="run-7", **back), 409)
    locked = document(api.post("/environments/prod/lock", key="run-8", reason="INC-1"), 200)
    repeated = document(api.post("/environments/prod/lock", key="run-8", reason="INC-1"), 200)
    else_ = document(api.post("/environments/prod/lock", key="run-8", reason="INC-2"), 409)

    assert again["change_id"] == first["change_id"]
    assert again["outcome"] == "promoted"
    assert "use a new key" in other["error"]["message"]
    assert "a promote of v1.0.0" in another["error"]["message"]
    assert repeated == locked
    assert "use a new one" in else_["error"]["message"]


def test_keys_of_different_callers_are_independent(api: Client) -> None:
    first = document(api.post("/environments/prod/lock", key="run-1", reason="INC-1"), 200)

    other = document(api.post("/environments/prod/lock", BOB, key="run-1", reason="INC-1"), 423)

    assert first["outcome"] == "locked"
    assert other["error"]["exit_code"] == 13


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/promotions", {}, "version: field required"),
        ("/promotions", {"version": "v1.0.0", "to": "staging", "force": True}, "force: extra"),
        ("/promotions", {"version": 1, "to": "staging"}, "version: input should be"),
        ("/promotions", {"version": "latest", "to": "staging"}, "is not a version"),
        ("/promotions", {"version": "v1.0.0", "to": "moon"}, "is not an environment"),
        ("/environments/moon/lock", {"reason": "x"}, "is not an environment"),
        ("/environments/prod/lock", {"reason": "x", "for": "soon"}, "is not a duration"),
    ],
)
def test_invalid_field_is_named(api: Client, path: str, body: dict[str, Any], said: str) -> None:
    refused = document(api.post(path, **body), 400)

    assert said in refused["error"]["message"]
    assert refused["success"] is False


def test_skipped_environment_is_refused_as_on_the_command_line(api: Client) -> None:
    refused = document(api.post("/promotions", version="v1.0.0", from_="dev", to="prod"), 422)

    assert refused["error"]["exit_code"] == 9
    assert refused["target_environment"] == "prod"


def test_request_without_a_valid_token_is_refused(api: Client) -> None:
    anonymous = api.post("/promotions", None, version="v1.0.0", to="staging")
    stranger = Client(api.stage, api.issuer, SigningKey.new())
    forged = stranger.post("/promotions", version="v1.0.0", to="staging")
    basic = api.stage.client.post(
        f"{API}/promotions", json={}, headers={"Authorization": "Basic YTpi"}
    )

    assert [a.status_code for a in (anonymous, forged, basic)] == [401, 401, 401]
    assert api.stage.platform.store.recent(9) == ()


def test_without_an_issuer_every_token_is_refused(stage: Stage) -> None:
    answer = stage.client.post(f"{API}/promotions", json={}, headers={"Authorization": "Bearer x"})

    assert answer.status_code == 401
    assert "identity.oidc" in answer.text


def test_other_body_formats_are_refused(api: Client) -> None:
    said = claims(api.issuer, sub=ALICE)
    headers = {"Authorization": f"Bearer {api.key.sign(said)}"}

    form = api.stage.client.post(f"{API}/promotions", data={"version": "x"}, headers=headers)
    huge = api.stage.client.post(
        f"{API}/promotions", data=b" " * 1_100_000, headers=headers, content_type="application/json"
    )

    assert form.status_code == 400
    assert huge.status_code == 413


def test_duplicate_field_is_refused_in_any_order(api: Client) -> None:
    said = claims(api.issuer, sub=ALICE, email=ALICE, email_verified=True)

    answer = api.stage.client.post(
        f"{API}/promotions",
        data='{"version": "v1.0.0", "to": "dev", "to": "staging"}',
        headers={"Authorization": f"Bearer {api.key.sign(said)}"},
        content_type="application/json",
    )

    assert document(answer, 400)["error"]["message"] == "to appears twice: send it once"
    assert api.stage.platform.store.recent(9) == ()
