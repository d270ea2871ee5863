"""Signed-in people decide on the page, by the same rules as in other interfaces."""

import pytest

from engine.domain.artifact import Tag
from engine.domain.change import ChangeState
from tests.web.stage import ALICE, BOB, CAROL, Stage, signed_in, stage_in
from tests.web.test_pages import refresh

pytestmark = pytest.mark.requirement("WB-002")
MALLORY = "mallory@acme.com"


@pytest.fixture
def waiting(behind_proxy: Stage) -> str:
    """The change that alice requested."""
    behind_proxy.publish("v1.0.0")
    behind_proxy.ask("v1.0.0", "staging")
    return behind_proxy.ask("v1.0.0", "prod").id


def state(stage: Stage, change_id: str) -> ChangeState:
    return stage.platform.changes.get(change_id).state


def test_second_person_approves_and_the_ledger_records_it(
    behind_proxy: Stage, waiting: str
) -> None:
    place = f"/changes/{waiting}"

    answer = behind_proxy.post(f"{place}/approve", BOB, place)

    assert (answer.status_code, answer.headers["Location"]) == (303, place)
    assert "You approved v1.0.0 for prod" in behind_proxy.get(place, BOB)
    change = behind_proxy.settle(waiting)
    assert change.state is ChangeState.PROMOTED
    assert [(given.operator, given.interface) for given in change.approvals] == [(BOB, "web")]
    assert change.approvals[0].operator_id == f"proxy:{BOB}"


@pytest.mark.requirement("FR-045")
@pytest.mark.parametrize("name", ["slack:T01ACME/U02BOB", "oidc:https://id.acme.com#bob", "os:bob"])
def test_proxy_cannot_name_an_identity_of_another_source(
    behind_proxy: Stage, waiting: str, name: str
) -> None:
    answer = behind_proxy.client.post(f"/changes/{waiting}/approve", headers=signed_in(name))

    assert answer.status_code == 401
    assert state(behind_proxy, waiting) is ChangeState.AWAITING_APPROVAL


def test_requester_can_cancel_and_cannot_approve(behind_proxy: Stage, waiting: str) -> None:
    place = f"/changes/{waiting}"

    page = behind_proxy.get(place, ALICE)
    refused = behind_proxy.post(f"{place}/approve", ALICE, place)

    assert "Cancel this change" in page
    assert f"{place}/approve" not in page
    assert refused.status_code == 303
    assert "cannot also approve it" in behind_proxy.get(place, ALICE)
    assert state(behind_proxy, waiting) is ChangeState.AWAITING_APPROVAL


def test_member_of_another_group_sees_the_required_group(behind_proxy: Stage, waiting: str) -> None:
    place = f"/changes/{waiting}"

    page = behind_proxy.get(place, MALLORY)
    # This page has no form, so the token comes from another page of the same person.
    behind_proxy.post(f"{place}/approve", MALLORY, "/incident")

    assert "Only members of release-managers can approve it" in page
    assert "Required groups: [release-managers]" in behind_proxy.get(place, MALLORY)
    assert state(behind_proxy, waiting) is ChangeState.AWAITING_APPROVAL


def test_rejection_needs_a_reason(behind_proxy: Stage, waiting: str) -> None:
    place = f"/changes/{waiting}"

    behind_proxy.post(f"{place}/reject", BOB, place, reason="  ")
    kept = state(behind_proxy, waiting)
    behind_proxy.post(f"{place}/reject", BOB, place, reason="Not before the audit")

    assert kept is ChangeState.AWAITING_APPROVAL
    assert state(behind_proxy, waiting) is ChangeState.REJECTED
    assert f"Rejected by {BOB}: Not before the audit" in behind_proxy.get(place, BOB)
    assert "Not before the audit" in behind_proxy.get("/history", BOB)


def test_requester_cancels_the_change(behind_proxy: Stage, waiting: str) -> None:
    place = f"/changes/{waiting}"

    behind_proxy.post(f"{place}/cancel", ALICE, place)

    assert state(behind_proxy, waiting) is ChangeState.CANCELLED


def test_environments_are_locked_and_unlocked(behind_proxy: Stage) -> None:
    place = "/environments/staging"

    behind_proxy.post(f"{place}/lock", CAROL, place, reason="INC-5", **{"for": "2h"})
    locked = behind_proxy.get(place, CAROL)
    behind_proxy.post(f"{place}/unlock", CAROL, place, reason="over")

    assert "staging is now locked" in locked
    assert f"locked by {CAROL} until" in locked
    assert "staging is now unlocked" in behind_proxy.get(place, CAROL)


def test_drifted_environment_shows_the_deployed_version_and_is_restored(
    behind_proxy: Stage,
) -> None:
    behind_proxy.publish("v1.0.0", "v1.1.0", "v1.2.0")
    for version in ("v1.0.0", "v1.1.0", "v1.2.0"):
        behind_proxy.ask(version, "staging")
    registry = behind_proxy.platform.engine.runner.registry
    registry.put(registry.fetch(Tag("v1.0.0-staging")), Tag("latest-staging"))
    refresh(behind_proxy)
    place, moved = "/environments/staging", "v1.0.0, moved outside floe; should be v1.2.0"
    drifted, overview = behind_proxy.get(place, ALICE), behind_proxy.get("/", ALICE)
    grid = behind_proxy.get("/history", ALICE)

    behind_proxy.post(f"{place}/restore", ALICE, place, reason="INC-7")

    assert moved in drifted
    assert moved in overview
    assert '<p class="version">v1.0.0</p>' in overview
    assert "should be live" in grid
    restored = behind_proxy.get(place, ALICE)
    assert "latest-staging points to the version of the ledger again" in restored
    assert "moved outside floe" not in restored
    assert behind_proxy.platform.engine.history("staging", 1)[0].record.kind == "restore"


def test_invalid_duration_is_named_and_locks_nothing(behind_proxy: Stage) -> None:
    place = "/environments/staging"

    behind_proxy.post(f"{place}/lock", CAROL, place, reason="INC-5", **{"for": "soon"})

    page = behind_proxy.get(place, CAROL)
    assert "is not a duration" in page
    assert "Lock staging" in page


def test_lock_form_is_shown_to_those_who_may_use_it(behind_proxy: Stage) -> None:
    place = "/environments/prod"

    assert "Lock prod</button>" in behind_proxy.get(place, ALICE)
    to_stranger = behind_proxy.get(place, MALLORY)
    behind_proxy.post(f"{place}/lock", ALICE, place, reason="INC-5")
    locked = behind_proxy.get(place, MALLORY)

    assert "Lock prod</button>" not in to_stranger
    assert "People who may promote to prod can lock it" in to_stranger
    assert "Unlock prod</button>" not in locked
    assert "alice@acme.com can unlock it" in locked
    assert "Unlock prod</button>" in behind_proxy.get(place, ALICE)


@pytest.mark.parametrize("token", ["", "0" * 64, "alice"])
def test_form_without_a_valid_token_is_rejected(
    behind_proxy: Stage, waiting: str, token: str
) -> None:
    behind_proxy.get(f"/changes/{waiting}", BOB)

    answer = behind_proxy.client.post(
        f"/changes/{waiting}/approve", data={"csrf": token}, headers=signed_in(BOB)
    )

    assert answer.status_code == 403
    assert state(behind_proxy, waiting) is ChangeState.AWAITING_APPROVAL


def test_form_token_is_valid_only_for_its_person(behind_proxy: Stage, waiting: str) -> None:
    place = f"/changes/{waiting}"
    page = behind_proxy.get("/incident", MALLORY)
    token = page.split('name="csrf" value="')[1][:64]

    answer = behind_proxy.client.post(
        f"{place}/approve", data={"csrf": token}, headers=signed_in(BOB)
    )

    assert answer.status_code == 403
    assert state(behind_proxy, waiting) is ChangeState.AWAITING_APPROVAL


@pytest.mark.parametrize(
    "said",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_cross_site_post_is_rejected(
    behind_proxy: Stage, waiting: str, said: dict[str, str]
) -> None:
    place = f"/changes/{waiting}"
    token = behind_proxy.get(place, BOB).split('name="csrf" value="')[1][:64]

    answer = behind_proxy.client.post(
        f"{place}/approve", data={"csrf": token}, headers=signed_in(BOB) | said
    )

    assert answer.status_code == 403
    assert state(behind_proxy, waiting) is ChangeState.AWAITING_APPROVAL


def test_get_requests_change_nothing(behind_proxy: Stage, waiting: str) -> None:
    paths = [f"/changes/{waiting}/{verb}" for verb in ("approve", "reject", "cancel")]
    paths += ["/environments/prod/lock", "/environments/prod/unlock", "/sign-out"]

    answers = [behind_proxy.client.get(path, headers=signed_in(BOB)) for path in paths]

    assert {answer.status_code for answer in answers} == {405}
    assert state(behind_proxy, waiting) is ChangeState.AWAITING_APPROVAL


def test_header_of_an_untrusted_client_is_ignored(tmp_path) -> None:
    web = "auth: {mode: proxy, trusted_proxies: [10.9.8.0/24]}"
    with stage_in(tmp_path, web) as stage:
        near = stage.client.get("/", headers=signed_in(BOB))
        there = stage.client.get(
            "/", headers=signed_in(BOB), environ_base={"REMOTE_ADDR": "10.9.8.7"}
        )

    assert (near.status_code, there.status_code) == (303, 200)
    assert near.headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize("name", ["", " ", "a@x, b@y", "bob@acme.com;admin", "b\tob", "x" * 300])
def test_header_without_a_single_name_is_rejected(behind_proxy: Stage, name: str) -> None:
    answer = behind_proxy.client.get("/", headers={"X-Forwarded-Email": name})

    assert answer.status_code == 303


def test_groups_of_the_proxy_count(tmp_path) -> None:
    with stage_in(tmp_path, "auth: {mode: proxy, groups_header: X-Forwarded-Groups}") as stage:
        stage.publish("v1.0.0")
        stage.ask("v1.0.0", "staging")
        place = f"/changes/{stage.ask('v1.0.0', 'prod').id}"

        without = stage.get(place, "erin@acme.com")
        within = stage.get(place, "erin@acme.com", **{"X-Forwarded-Groups": "x, release-managers"})

    assert "Approve v1.0.0" not in without
    assert "Approve v1.0.0 for prod" in within


@pytest.mark.parametrize(
    ("setting", "header", "member"),
    [
        ("", "Site release-managers", False),
        ("", "x;release-managers", False),
        ('groups_separator: ";", ', "x; release-managers ", True),
        ('groups_separator: ";", ', "x, release-managers", False),
    ],
)
def test_only_the_configured_separator_splits_proxy_groups(
    tmp_path, setting, header, member
) -> None:
    proxy = f"auth: {{mode: proxy, {setting}groups_header: X-Forwarded-Groups}}"
    with stage_in(tmp_path, proxy) as stage:
        stage.publish("v1.0.0")
        stage.ask("v1.0.0", "staging")
        place = f"/changes/{stage.ask('v1.0.0', 'prod').id}"

        page = stage.get(place, "erin@acme.com", **{"X-Forwarded-Groups": header})

    assert ("Approve v1.0.0 for prod" in page) is member


def test_page_without_sign_in_allows_no_decisions(stage: Stage) -> None:
    stage.publish("v1.0.0")
    stage.ask("v1.0.0", "staging")
    change = stage.ask("v1.0.0", "prod")

    answer = stage.client.post(f"/changes/{change.id}/approve", headers=signed_in(BOB))

    assert answer.status_code == 401
    assert "floe platform approve" in stage.get(f"/changes/{change.id}")
    assert state(stage, change.id) is ChangeState.AWAITING_APPROVAL
