"""The API's answers: statuses of refusals, and one format for times."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.stage import PROXY, Stage, stage_in

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path) as built:
        built.publish("v1.0.0")
        yield built


def test_unverifiable_signature_is_a_conflict_with_a_hint(stage):
    answer = stage.client.get("/api/v1/artifacts/v1.0.0/signature")

    error = answer.json["error"]
    assert (answer.status_code, error["exit_code"]) == (409, 2)
    assert "neither public_keys nor trusted_issuers" in error["message"]


def test_every_time_of_the_api_ends_in_z(stage):
    change = stage.ask("v1.0.0", "staging")
    stage.lock("staging", duration="2h")
    addresses = ("status", "environments/staging", "history", "changes?state=all", "audit")
    pages = [f"/api/v1/{address}" for address in (*addresses, f"changes/{change.id}")]

    found = {page: [*times(stage.json(page))] for page in pages}

    assert found["/api/v1/status"]
    assert found[f"/api/v1/changes/{change.id}"]
    assert [time for times in found.values() for time in times if not time.endswith("Z")] == []


def times(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for inner in value.values():
                yield from times(inner)
        case list():
            for inner in value:
                yield from times(inner)
        case str() if _TIME.fullmatch(value):
            yield value


def test_request_without_the_headers_of_the_proxy_is_told_so(tmp_path):
    with stage_in(tmp_path, PROXY) as stage:
        answer = stage.client.get("/api/v1/status")

    error = answer.json["error"]
    assert (answer.status_code, error["reason_code"]) == (401, "unauthenticated")
    assert "a proxy in front of this server signs people in" in error["message"]
    assert "identity.oidc" not in error["message"]
