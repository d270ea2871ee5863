"""Slack's page in a real browser, used by two people."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from engine.domain.change import ChangeState
from tests.e2e.workspace import PATIENCE_SECONDS, Workspace, change_of
from tests.peers.local_slack import ALICE, BOB
from tests.web.browser import chromium, page_of

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.parametrize("slack", ["http"], indirect=True),
]


@pytest.fixture
def page(slack: Workspace) -> Iterator[Page]:
    with chromium() as browser, page_of(browser, slack.slack.url) as opened:
        opened.set_default_timeout(PATIENCE_SECONDS * 1000)
        yield opened


@pytest.mark.requirement("SL-001")
@pytest.mark.requirement("SL-003")
def test_one_person_requests_in_slack_and_another_approves(slack: Workspace, page: Page):
    slack.publish_to_staging("v1.0.0")
    request_in_slack(page, "/promote v1.0.0 prod")

    page.get_by_role("button", name="Approve", exact=True).click()

    expect(page.get_by_text("Promoted", exact=False).first).to_be_visible()
    expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    change = slack.change(change_of(slack.root("v1.0.0", "Promoted")))
    assert [given.operator for given in change.approvals] == ["bob@acme.com"]
    assert slack.tagged("v1.0.0-prod") == slack.tagged("v1.0.0-dev")


@pytest.mark.requirement("SL-003")
def test_rejection_reason_from_the_form_is_shown_in_the_channel(slack: Workspace, page: Page):
    slack.publish_to_staging("v1.1.0")
    request_in_slack(page, "/promote v1.1.0 prod")

    page.get_by_role("button", name="Reject…").click()
    page.get_by_placeholder("The migration is not reviewed").fill("not on a Friday")
    page.locator(".modal").get_by_role("button", name="Reject").click()

    expect(page.get_by_text("not on a Friday").first).to_be_visible()
    expect(page.get_by_role("button", name="Reject…")).to_have_count(0)
    change = slack.change(change_of(slack.root("v1.1.0", "Rejected")))
    assert change.state is ChangeState.REJECTED
    assert change.ended is not None
    assert change.ended.by == "bob@acme.com"


def request_in_slack(page: Page, command: str) -> None:
    """Type `command` as Alice, and open the thread as Bob once he is asked."""
    page.goto("/")
    page.get_by_label("Act as").select_option(ALICE)
    composer = page.get_by_placeholder("Message #deploys")
    composer.fill(command)
    composer.press("Enter")
    page.get_by_text("Waiting for approval").first.wait_for()
    page.get_by_label("Act as").select_option(BOB)
    page.get_by_role("button", name="replies").last.click()
    page.get_by_role("button", name="Approve", exact=True).wait_for()
