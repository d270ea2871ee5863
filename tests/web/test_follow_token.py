"""A follow token shows one change for a week, and nothing else."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from tests.web.stage import PROXY, Stage, stage_in
from web.follow_token import HEADER, with_ticket
from web.site import shared

pytestmark = pytest.mark.requirement("WB-002")
_WEEK = 7 * 24 * 3600


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A platform where readers must sign in."""
    with stage_in(tmp_path, PROXY) as built:
        built.publish("v1.0.0", "v1.1.0")
        yield built


def issued_ago(seconds: int) -> type[TimestampSigner]:
    class EarlierSigner(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time()) - seconds

    return EarlierSigner


def ticket_issued_ago(stage: Stage, change_id: str, seconds: int) -> str:
    with stage.app.app_context():
        signer = URLSafeTimedSerializer(
            shared().secret, salt="floe.ticket", signer=issued_ago(seconds)
        )
    return str(signer.dumps(change_id))


def status_with(stage: Stage, change_id: str, ticket: str) -> int:
    return stage.client.get(f"/api/v1/changes/{change_id}", headers={HEADER: ticket}).status_code


def test_follow_token_shows_its_change_without_sign_in(stage: Stage) -> None:
    change = stage.ask("v1.0.0", "staging")
    with stage.app.test_request_context():
        ticket = with_ticket(stage.app.response_class(), change.id).headers[HEADER]

    assert status_with(stage, change.id, "") == 401
    assert status_with(stage, change.id, ticket) == 200


def test_follow_token_of_another_change_is_refused(stage: Stage) -> None:
    mine, other = stage.ask("v1.0.0", "staging"), stage.ask("v1.1.0", "staging")

    assert status_with(stage, other.id, ticket_issued_ago(stage, mine.id, 0)) == 401


def test_follow_token_older_than_a_week_is_refused(stage: Stage) -> None:
    change = stage.ask("v1.0.0", "staging")

    assert status_with(stage, change.id, ticket_issued_ago(stage, change.id, _WEEK - 600)) == 200
    assert status_with(stage, change.id, ticket_issued_ago(stage, change.id, _WEEK + 600)) == 401


def test_follow_token_shows_only_its_change(stage: Stage) -> None:
    change = stage.ask("v1.0.0", "staging")
    ticket = {HEADER: ticket_issued_ago(stage, change.id, 0)}

    assert stage.client.get("/api/v1/changes", headers=ticket).status_code == 401
    assert stage.client.get("/api/v1/status", headers=ticket).status_code == 401
