"""Every page has a JSON twin with the documents of the command line."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest

from tests.peers import oci_layout
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.scenarios.commands import Floe
from tests.web.stage import ALICE, PROXY, Stage, stage_in, write_manifest

pytestmark = pytest.mark.requirement("WB-001")


@pytest.fixture
def busy(stage: Stage) -> Stage:
    """A platform with a running version, a waiting change and a lock."""
    stage.publish("v1.0.0", "v1.1.0")
    stage.ask("v1.0.0", "staging")
    stage.ask("v1.0.0", "prod")
    stage.lock("staging", "INC-4")
    return stage


def test_status_and_history_match_the_command_line(busy: Stage) -> None:
    floe = Floe(busy.folder)

    status = busy.json("/api/v1/status")
    history = busy.json("/api/v1/history")

    printed = floe.run("platform", "status", "--output", "json").document
    assert [without_pending(row) for row in status] == [without_pending(row) for row in printed]
    assert [change["version"] for row in status for change in row["pending"]] == ["v1.0.0"]
    listed = floe.run("platform", "audit", "history", "--output", "json").document
    assert history["records"] == listed["records"]
    assert (history["next"], history["unread"]) == (None, {})


def without_pending(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "pending"}


def test_changes_match_the_command_line(busy: Stage) -> None:
    printed = Floe(busy.folder).run("platform", "changes", "--output", "json").document["changes"]

    listed = busy.json("/api/v1/changes")

    assert listed == printed
    assert len(busy.json("/api/v1/changes?state=all")) == 2
    [change] = listed
    one = busy.json(f"/api/v1/changes/{change['change_id']}")
    assert one.items() >= change.items()
    assert one["timeline"][0]["kind"] == "submitted"


def test_audit_matches_the_command_line(busy: Stage) -> None:
    printed = Floe(busy.folder).run("platform", "audit", "verify", "--output", "json").document

    audit = busy.json("/api/v1/audit")

    assert audit["success"]
    assert audit["environments"] == printed["environments"]


def test_environment_versions_and_output_match_the_command_line(busy: Stage) -> None:
    [change] = busy.json("/api/v1/changes")

    staging = busy.json("/api/v1/environments/staging")
    printed = Floe(busy.folder).run("platform", "versions", "--output", "json").document
    versions = busy.json("/api/v1/versions")
    output = busy.client.get(f"/api/v1/changes/{change['change_id']}/output/tests")

    assert (staging["version"], staging["locked"]) == ("v1.0.0", True)
    assert [record["kind"] for record in staging["history"]] == ["lock", "promotion"]
    assert versions["versions"] == printed["versions"]
    cells = versions["versions"][1]["environments"]
    states = {cell["environment"]: cell["state"] for cell in cells}
    assert states == {"dev": "published", "staging": "live", "prod": "in flight"}
    assert (output.text, output.mimetype) == ("ran\n", "text/plain")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/nowhere", 404, "not_found"),
        ("/api/v1/changes/c-none", 404, "not_found"),
        ("/api/v1/environments/moon", 404, "not_found"),
        ("/api/v1/history?since=whenever", 400, "usage"),
        ("/api/v1/changes?state=lost", 400, "usage"),
        ("/api/v1/audit?environment=moon", 400, "usage"),
        ("/api/v1/changes/c-none/output/tests", 404, "not_found"),
    ],
)
def test_failures_use_the_error_document(stage: Stage, path: str, status: int, code: str) -> None:
    answer = stage.client.get(path, headers={"traceparent": f"00-{'b' * 32}-{'c' * 16}-01"})

    assert answer.status_code == status
    document = answer.json
    assert document is not None
    assert (document["success"], document["error"]["reason_code"]) == (False, code)
    assert document["trace_id"] == "b" * 32


_ASKED = {"env": "prod", "digest": f"sha256:{'0' * 64}", "from": "v1.0.0", "to": "v1.1.0"}


def test_answers_match_the_description(busy: Stage) -> None:
    description = busy.json("/openapi.json")

    assert description["openapi"] == "3.1.0"
    for path, operations in description["paths"].items():
        if "get" in operations and "{" not in path:
            answer = operations["get"]["responses"]["200"]["content"]["application/json"]
            schema = answer["schema"] | {"components": description["components"]}
            parameters = operations["get"].get("parameters", ())
            asked = {p["name"]: _ASKED[p["name"]] for p in parameters if p.get("required")}
            jsonschema.validate(busy.json(f"{path}?{urlencode(asked)}"), schema)


def test_twins_need_a_token_where_people_sign_in(tmp_path: Path) -> None:
    key = SigningKey.new()
    with FakeIssuer(key) as issuer:
        oidc = f"{{issuer: '{issuer.issuer}', audience: floe}}"
        with stage_in(tmp_path, PROXY, oidc=oidc) as stage:
            named = claims(issuer.issuer, email=ALICE, email_verified=True)
            good = f"Bearer {key.sign(named)}"
            bad = f"Bearer {SigningKey.new().sign(claims(issuer.issuer))}"

            refused = stage.client.get("/api/v1/status")
            forged = stage.client.get("/api/v1/status", headers={"Authorization": bad})
            shown = stage.json("/api/v1/status", Authorization=good)

    assert (refused.status_code, forged.status_code) == (401, 401)
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert len(shown) == 3


def test_health_names_each_dependency(stage: Stage) -> None:
    alive = stage.json("/healthz")
    ready = stage.json("/readyz")

    assert alive == {"status": "ok"}
    assert ready["ready"]
    assert set(ready["parts"]) == {"registry", "state", "store"}


def test_metrics_count_records_changes_and_locks(busy: Stage) -> None:
    busy.site.records.refresh()

    text = busy.get("/metrics")

    assert 'floe_changes_open{environment="prod",state="awaiting_approval"} 1' in text
    assert 'floe_environment_locked{environment="staging"} 1' in text
    assert 'floe_records_total{environment="staging",kind="promotion"} 1' in text
    assert "floe_registry_up 1" in text


def test_unreachable_registry_is_reported_with_the_last_known_state(tmp_path: Path) -> None:
    with stage_in(tmp_path) as stage:
        stage.publish("v1.0.0")
        stage.ask("v1.0.0", "staging")
        stage.get("/")
        stage.get("/history")
    (tmp_path / "registry").rename(tmp_path / "away")

    with stage_in_gone(tmp_path) as stage:
        page = stage.get("/")
        history = stage.get("/history")
        status = stage.client.get("/api/v1/status")
        past = stage.client.get("/api/v1/history")
        ready = stage.client.get("/readyz")

    assert "v1.0.0" in page
    assert "The registry does not answer" in page
    assert "Last known" in page
    assert "dev → staging" in history
    assert "These rows were read before" in history
    assert (status.status_code, past.status_code, ready.status_code) == (503, 503, 503)
    assert status.json is not None
    assert status.json["error"]["details"]["last_known"][1]["version"] == "v1.0.0"
    assert ready.json is not None
    assert ready.json["parts"]["registry"]["why"]


def test_last_known_state_stays_after_the_registry_is_lost(stage: Stage) -> None:
    stage.publish("v1.0.0")
    stage.ask("v1.0.0", "staging")
    before = stage.get("/")
    (stage.folder / "registry").rename(stage.folder / "away")
    stage.site.board.expire()

    page = stage.get("/")

    assert "Updated" in before
    assert "Last known" in page
    assert '<p class="version">v1.0.0</p>' in page
    assert "floe_registry_up 0" in stage.get("/metrics")


def stage_in_gone(folder: Path) -> Any:
    """The same platform with a registry file that is no layout."""
    (folder / "registry").mkdir()
    (folder / "registry" / "oci-layout").write_text("gone")
    (folder / "registry" / "index.json").write_text("gone")
    write_manifest(folder)
    return stage_in(folder)


def test_broken_ledger_affects_one_row_of_page_and_api(busy: Stage) -> None:
    busy.ask("v1.1.0", "prod")
    oci_layout.lose(busy.folder / "registry", "floe-head.staging")

    page = busy.get("/")
    _dev, staging, prod = busy.json("/api/v1/status")
    metrics = busy.get("/metrics")
    of_prod = busy.json("/api/v1/history?environment=prod")
    of_staging = busy.client.get("/api/v1/history?environment=staging")

    assert "cannot be read" in page
    assert "does not have it" in page
    assert staging["error"]["reason_code"] == "content_missing"
    assert (staging["alignment"], staging["locked"]) == ("unknown", None)
    assert prod["error"] is None
    assert 'floe_environment_locked{environment="staging"}' not in metrics
    assert 'floe_environment_readable{environment="staging"} 0' in metrics
    assert of_prod["success"]
    assert of_staging.status_code == 503
