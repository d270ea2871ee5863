"""People promote and roll back on the page: form, preview, confirmation."""

import re
from pathlib import Path
from typing import Any

import pytest

from engine.domain.change import ChangeState
from tests.builders import image
from tests.scenarios.together import product
from tests.web.company import company
from tests.web.stage import ALICE, BOB, PROXY, Stage, person, signed_in, stage_in

pytestmark = pytest.mark.requirement("WB-002")
MALLORY = "mallory@acme.com"
GLASS = "{groups: [developers], review: {groups: [release-managers]}}"
PROMOTE, ROLLBACK = "/environments/staging/promote", "/environments/staging/rollback"
_FIELD = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')


def shown(stage: Stage, place: str, who: str = ALICE) -> tuple[str, dict[str, str]]:
    """The page of a preview, and the hidden fields of its last form, which confirms it."""
    page = stage.get(place, who)
    return page, dict(_FIELD.findall(page.rpartition("<form")[2]))


def confirm(stage: Stage, place: str, fields: dict[str, str], who: str = ALICE, **more: str) -> Any:
    sent = fields | more
    return stage.client.post(place, data=sent, headers=signed_in(who))


def last_change(stage: Stage) -> Any:
    return stage.platform.store.recent(1)[0]


def running(stage: Stage, name: str = "staging") -> str | None:
    return stage.platform.engine.status(name)[0].state.version


@pytest.fixture
def two_versions(behind_proxy: Stage) -> Stage:
    publish_two(behind_proxy)
    return behind_proxy


def publish_two(stage: Stage) -> None:
    """v1.1.0 replaced v1.0.0 in staging, and the build published v1.2.0."""
    stage.publish("v1.0.0", "v1.1.0", "v1.2.0")
    stage.ask("v1.0.0", "staging")
    stage.ask("v1.1.0", "staging")


def test_promotion_is_previewed_and_confirmed(two_versions: Stage) -> None:
    place = f"{PROMOTE}?version=v1.2.0"

    form = two_versions.get(PROMOTE, ALICE)
    page, fields = shown(two_versions, place)
    answer = confirm(two_versions, PROMOTE, fields)

    assert "<option selected>v1.2.0</option>" in form
    assert "v1.0.0</option>" not in form
    assert "Policy compliance, Tests" in page
    assert "without an approval" in page
    assert "Not known: no scans or SBOMs of the two versions were compared." in page
    change = last_change(two_versions)
    assert answer.headers["Location"] == f"/changes/{change.id}"
    assert (change.version, change.target, change.interface) == ("v1.2.0", "staging", "web")
    assert two_versions.settle(change.id).state is ChangeState.PROMOTED
    assert running(two_versions) == "v1.2.0"


def test_second_submit_of_a_preview_leads_to_the_same_change(two_versions: Stage) -> None:
    _, fields = shown(two_versions, f"{PROMOTE}?version=v1.2.0")
    first = confirm(two_versions, PROMOTE, fields)
    two_versions.settle(last_change(two_versions).id)

    again = confirm(two_versions, PROMOTE, fields)

    assert again.headers["Location"] == first.headers["Location"]
    assert len(two_versions.platform.store.recent(9)) == 3


@pytest.mark.parametrize("verb", ["promote", "rollback"])
def test_preview_of_another_running_version_is_refused(two_versions: Stage, verb: str) -> None:
    place = f"/environments/staging/{verb}"
    version = "v1.2.0" if verb == "promote" else "v1.0.0"
    two_versions.publish("v1.1.1")
    _, fields = shown(two_versions, f"{place}?version={version}")
    two_versions.ask("v1.1.1", "staging")

    answer = confirm(two_versions, place, fields, reason="INC-9: 5xx")

    assert len(two_versions.platform.store.recent(9)) == 3
    page = two_versions.get(answer.headers["Location"], ALICE)
    assert "now runs v1.1.1, so the impact you saw is out of date" in page
    assert verb == "promote" or "INC-9: 5xx" in page


@pytest.mark.parametrize("what", ["artifact", "rules"])
def test_preview_of_another_artifact_or_other_rules_is_refused(
    two_versions: Stage, what: str
) -> None:
    _, fields = shown(two_versions, f"{PROMOTE}?version=v1.2.0")
    if what == "artifact":
        two_versions.publish("v1.2.0", artifact=image(b"built again"))

    answer = confirm(two_versions, PROMOTE, fields | ({"rules": "0"} if what == "rules" else {}))

    assert len(two_versions.platform.store.recent(9)) == 2
    said = "is another artifact now" if what == "artifact" else "rules of &#39;staging&#39; have"
    assert said in two_versions.get(answer.headers["Location"], ALICE)


def test_rollback_shows_its_impact_and_needs_a_reason(two_versions: Stage) -> None:
    page, fields = shown(two_versions, f"{ROLLBACK}?version=v1.0.0")

    refused = confirm(two_versions, ROLLBACK, fields, reason=" ")
    kept = running(two_versions)
    confirm(two_versions, ROLLBACK, fields, reason="INC-9: 5xx")
    change = two_versions.settle(last_change(two_versions).id)

    assert re.search(r"Undoes</span><span class=\"why\">v1.1.0", page)
    assert "database migrations are not undone" in page
    assert (refused.status_code, kept) == (303, "v1.1.0")
    assert (change.state, change.reason) == (ChangeState.PROMOTED, "INC-9: 5xx")
    assert running(two_versions) == "v1.0.0"


def test_rollback_proposes_the_version_before(two_versions: Stage) -> None:
    page = two_versions.get(ROLLBACK, ALICE)

    assert "<option selected>v1.0.0</option>" in page
    assert "v1.2.0</option>" not in page


def test_blockers_leave_no_button(two_versions: Stage) -> None:
    two_versions.lock("staging", "INC-7: checkout is slow")

    page = two_versions.get(f"{PROMOTE}?version=v1.2.0", ALICE)

    assert "Environment &#39;staging&#39; is locked. Reason: INC-7: checkout is slow" in page
    assert "Promote v1.2.0 to staging</button>" not in page


def test_running_version_leaves_nothing_to_do(two_versions: Stage) -> None:
    page = two_versions.get(f"{PROMOTE}?version=v1.1.0", ALICE)

    assert "Nothing to do: v1.1.0 runs in staging already" in page
    assert "Promote v1.1.0 to staging</button>" not in page


def test_open_change_is_named_before_another_is_requested(behind_proxy: Stage) -> None:
    behind_proxy.publish("v1.0.0")
    behind_proxy.ask("v1.0.0", "staging")
    waiting = behind_proxy.ask("v1.0.0", "prod", "dave@acme.com")
    place = "/environments/prod/promote"

    page, fields = shown(behind_proxy, f"{place}?version=v1.0.0")
    answer = confirm(behind_proxy, place, fields)

    assert f'Already requested: <a href="/changes/{waiting.id}">' in page
    assert answer.headers["Location"] == f"/changes/{waiting.id}"
    assert "Nothing new was started: dave@acme.com requested" in behind_proxy.get(
        f"/changes/{waiting.id}", ALICE
    )


def test_unknown_version_is_explained(behind_proxy: Stage) -> None:
    answer = behind_proxy.client.get(f"{PROMOTE}?version=v9.0.0", headers=signed_in(ALICE))

    assert answer.status_code >= 400
    assert "v9.0.0" in answer.text
    assert "Traceback" not in answer.text


def test_locked_environment_offers_a_break_glass(tmp_path: Path) -> None:
    rules = (
        "gate_commands:",
        f"break_glass: {GLASS}\n    gate_commands:",
    )
    with stage_in(tmp_path, PROXY, edit=rules) as stage:
        stage.publish("v1.0.0")
        stage.lock("staging", "INC-7: checkout is slow")

        page = stage.get(f"{PROMOTE}?version=v1.0.0", "dave@acme.com")
        place = f"{PROMOTE}?version=v1.0.0&incident=INC-7"
        broken, fields = shown(stage, place, "dave@acme.com")
        confirm(stage, PROMOTE, fields, "dave@acme.com", reason="checkout is down")
        change = stage.settle(last_change(stage).id)

    assert "In an incident, developers can skip this" in page
    assert "Promote v1.0.0 to staging</button>" in broken
    # A break-glass happens at once.
    assert 'name="at"' not in broken
    assert (change.state, change.overrides.incident) == (ChangeState.PROMOTED, "INC-7")


@pytest.mark.requirement("FR-046")
def test_people_without_the_right_see_who_may(behind_proxy: Stage) -> None:
    behind_proxy.publish("v1.0.0")
    behind_proxy.ask("v1.0.0", "staging")
    place = "/environments/prod/promote"

    page = behind_proxy.get("/environments/prod", MALLORY)
    form = behind_proxy.client.get(f"{place}?version=v1.0.0", headers=signed_in(MALLORY))
    answer = behind_proxy.post(place, MALLORY, "/incident", version="v1.0.0")

    who_may = "only members of developers may, and you are in no group"
    assert f"You may not promote to prod or roll it back: {who_may}" in page
    assert f"You may not promote to prod: {who_may}" in form.text
    for text in (page, form.text):
        assert "ask for an entry in identity.groups.developers of manifest.yaml" in text
        assert "Unauthorized" not in text
    assert "/environments/prod/rollback" not in page
    assert form.status_code == 403
    change = last_change(behind_proxy)
    assert answer.headers["Location"] == f"/changes/{change.id}"
    assert change.state is ChangeState.BLOCKED
    assert running(behind_proxy, "prod") is None


def test_page_without_sign_in_names_the_command(stage: Stage) -> None:
    page = stage.get("/environments/prod")
    form = stage.client.get("/environments/prod/rollback?version=v1.0.0")
    missing = stage.client.get("/environments/$(id)/rollback")
    sent = stage.client.post("/environments/prod/rollback", data={"version": "v1.0.0"})

    assert "floe platform promote VERSION --to prod" in page
    assert (form.status_code, sent.status_code) == (403, 401)
    assert "floe platform rollback VERSION --env prod" in form.text
    assert (missing.status_code, "--env" in missing.text) == (404, False)


def test_request_needs_a_form_token(two_versions: Stage) -> None:
    _, fields = shown(two_versions, f"{PROMOTE}?version=v1.2.0")

    answer = confirm(two_versions, PROMOTE, fields | {"csrf": "0" * 64})

    assert answer.status_code == 403
    assert len(two_versions.platform.store.recent(9)) == 2


def test_invalid_time_is_named_and_promotes_nothing(two_versions: Stage) -> None:
    _, fields = shown(two_versions, f"{PROMOTE}?version=v1.2.0")

    answer = confirm(two_versions, PROMOTE, fields, at="soon")

    assert "soon" in two_versions.get(answer.headers["Location"], ALICE)
    assert len(two_versions.platform.store.recent(9)) == 2


def test_version_matrix_leads_to_the_preview(two_versions: Stage) -> None:
    place = f"{PROMOTE}?version=v1.2.0"

    assert f'href="{place}"' in two_versions.get("/history", ALICE)
    assert 'href="/environments/prod/promote?version=v1.1.0"' not in two_versions.get(
        "/history", MALLORY
    )


@pytest.mark.parametrize(("required", "asked"), [(1, "Yours is the last"), (2, "1 more approval")])
def test_approval_says_whether_it_is_the_last(tmp_path: Path, required: int, asked: str) -> None:
    rules = ("required: 1", f"required: {required}")
    with stage_in(tmp_path, PROXY, edit=rules) as stage:
        stage.publish("v1.0.0")
        stage.ask("v1.0.0", "staging", "dave@acme.com")
        change = stage.ask("v1.0.0", "prod", "dave@acme.com")
        place = f"/changes/{change.id}"
        page = stage.get(place, BOB)
        stage.platform.changes.approve(change.id, person(stage.platform, "carol@acme.com"), "cli")
        after = stage.get(place, BOB)

    assert f"Promote v1.0.0 to prod? {asked}" in page
    assert required == 1 or "Yours is the last approval needed: this starts immediately" in after


def test_form_of_one_of_several_products(tmp_path: Path) -> None:
    with company(
        product(tmp_path, "checkout", "prod"), product(tmp_path, "search", "prod")
    ) as both:
        page = both.get("/p/checkout/environments/prod/rollback")
        missing = both.get("/p/nothing/environments/prod/rollback", status=404)

    assert 'action="/p/checkout/environments/prod/rollback"' in page
    assert "Roll back" not in missing
