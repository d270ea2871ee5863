"""People make an exception from one rule on the page, with a reason."""

import pytest

from engine.domain.change import ChangeState
from tests.builders import image
from tests.web.stage import ALICE, BOB, Stage, person
from tests.web.test_change_requests import (
    PROMOTE,
    ROLLBACK,
    confirm,
    last_change,
    publish_two,
    running,
    shown,
)

pytestmark = pytest.mark.requirement("WB-002")
DAVE = "dave@acme.com"
PROD = "/environments/prod/promote"
OFFER = "Show the effect with this exception</button>"


@pytest.fixture
def stage(behind_proxy: Stage) -> Stage:
    """v1.1.0 replaced v1.0.0 in staging, and the build published v0.9.0 for an older line."""
    publish_two(behind_proxy)
    behind_proxy.publish("v0.9.0")
    return behind_proxy


@pytest.fixture
def left(stage: Stage) -> Stage:
    """Staging was rolled back from v1.1.0, which prod should get."""
    stage.roll_back("v1.0.0", "staging", "INC-9: 5xx")
    return stage


def follow(stage: Stage, place: str, who: str = ALICE) -> tuple[str, str, dict[str, str]]:
    """The page of a preview, and that of the exception that it offers, with its fields."""
    page, offered = shown(stage, place, who)
    query = "&".join(f"{name}={value}" for name, value in offered.items())
    return page, *shown(stage, f"{place.partition('?')[0]}?{query}", who)


def test_older_version_is_promoted_with_a_reason(stage: Stage) -> None:
    page, exception, fields = follow(stage, f"{PROMOTE}?version=v0.9.0")

    refused = confirm(stage, PROMOTE, fields, reason=" ")
    kept = running(stage)
    confirm(stage, PROMOTE, fields, reason="customers on the old line")
    change = stage.settle(last_change(stage).id)

    assert "v0.9.0 although it is older than the running version" in page
    assert "Promote v0.9.0 to staging</button>" not in page
    assert OFFER not in exception
    assert "precedes v1.1.0, which staging runs. alice@acme.com allows it" in exception
    assert "Impact" in exception
    assert (refused.status_code, kept) == (303, "v1.1.0")
    assert "allow_older=yes" in refused.headers["Location"]
    assert (change.state, running(stage)) == (ChangeState.PROMOTED, "v0.9.0")
    [override] = stage.platform.engine.history("staging", 1)[0].record.overrides
    assert (override.rule, override.reason) == ("version order", "customers on the old line")


def test_version_that_ran_before_leads_to_the_rollback(stage: Stage) -> None:
    page = stage.get(f"{PROMOTE}?version=v1.0.0", ALICE)

    assert OFFER not in page
    assert f'href="{ROLLBACK}?version=v1.0.0">Roll staging back to v1.0.0…</a>' in page


def test_approver_promotes_a_version_despite_its_rollback(left: Stage) -> None:
    page, exception, fields = follow(left, f"{PROD}?version=v1.1.0")

    confirm(left, PROD, fields, reason="fixed in the database")
    change = left.settle(last_change(left).id)

    assert "v1.1.0 although an environment was rolled back from it" in page
    assert "alice@acme.com overrides it (--override-rollback, " in exception
    assert 'name="allow_older"' not in exception
    assert (change.state, change.version) == (ChangeState.AWAITING_APPROVAL, "v1.1.0")
    assert change.overrides.override_rollback
    assert change.overrides.reason == "fixed in the database"


def test_people_who_may_not_override_get_no_exception(left: Stage) -> None:
    page, _ = shown(left, f"{PROD}?version=v1.1.0", DAVE)
    asked = left.get(f"{PROD}?version=v1.1.0&override_rollback=yes", DAVE)
    _, fields = shown(left, f"{PROD}?version=v1.0.0", DAVE)
    forged = fields | {"version": "v1.1.0", "artifact": str(image(b"v1.1.0").manifest.digest)}

    confirm(left, PROD, forged, DAVE, override_rollback="yes", reason="x")

    assert OFFER not in page and OFFER not in asked
    assert "was rolled back from v1.1.0" in page
    assert "may not override this rule" in asked
    assert "Promote v1.1.0 to prod</button>" not in page + asked
    assert left.settle(last_change(left).id).state is ChangeState.BLOCKED
    assert running(left, "prod") is None


def test_no_exception_is_offered_while_another_rule_blocks(stage: Stage) -> None:
    stage.lock("staging", "INC-7")

    assert OFFER not in stage.get(f"{PROMOTE}?version=v0.9.0", ALICE)


def test_two_rules_need_both_exceptions(stage: Stage) -> None:
    stage.ask("v1.2.0", "staging")
    stage.roll_back("v1.1.0", "staging", "INC-9: 5xx")
    stage.publish("v1.3.0")
    stage.ask("v1.3.0", "staging")
    waiting = stage.ask("v1.3.0", "prod")
    stage.platform.changes.approve(waiting.id, person(stage.platform, BOB), "api")
    stage.settle(waiting.id)

    page, exception, fields = follow(stage, f"{PROD}?version=v1.2.0")

    assert running(stage, "prod") == "v1.3.0"
    assert "older than the running version, and although an environment was rolled" in page
    assert OFFER not in exception
    assert fields["allow_older"] == fields["override_rollback"] == "yes"


def test_exception_that_no_rule_needs_is_left_out(stage: Stage) -> None:
    page, fields = shown(stage, f"{PROMOTE}?version=v1.2.0&allow_older=yes&override_rollback=yes")
    confirm(stage, PROMOTE, fields)
    change = stage.settle(last_change(stage).id)

    assert 'name="allow_older"' not in page and "Exception" not in page
    assert (change.state, bool(change.overrides)) == (ChangeState.PROMOTED, False)
