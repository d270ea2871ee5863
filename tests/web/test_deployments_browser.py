"""The health that systems that deploy report, in a real browser."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser import page_of
from tests.web.serving import serving
from tests.web.stage import ALICE, Stage, stage_in
from tests.web.test_deployments import HEALTHY, REPORTS, SECRET, send

_ALICE = {"X-Forwarded-Email": ALICE}


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Stage]:
    """A platform with v1.0.0 in staging, where five clusters start to deploy it."""
    with stage_in(tmp_path, REPORTS, secret=SECRET) as stage:
        stage.publish("v1.0.0")
        stage.ask("v1.0.0", "staging")
        stage.site.records.refresh()
        report(stage, "progressing", *range(1, 6))
        yield stage


def report(stage: Stage, health: str, *clusters: int, minutes: float = 1) -> None:
    """Report the health of clusters, as of some minutes after the promotion."""
    [row] = stage.platform.engine.status("staging")
    assert row.state.since
    at = (row.state.since + timedelta(minutes=minutes)).isoformat()
    for number in clusters:
        body = HEALTHY | {"target": f"eu-{number}", "health": health, "at": at}
        assert send(stage, body).status_code == 202


def test_health_is_shown_as_it_is_reported(browser: Browser, deployed: Stage) -> None:
    with (
        serving(deployed.app) as url,
        page_of(browser, url, extra_http_headers=_ALICE) as page,
    ):
        page.goto("/")
        expect(page.locator("body[data-watching=events]")).to_be_attached()
        page.evaluate("window.stillHere = true")
        card = page.locator(".path li", has=page.get_by_role("link", name="staging", exact=True))
        expect(card.get_by_text("0 of 5 clusters healthy")).to_be_visible()

        report(deployed, "healthy", 1, 2, 3, minutes=2)
        expect(card.get_by_text("3 of 5 clusters healthy")).to_be_visible()
        report(deployed, "healthy", 4, 5, minutes=4)
        expect(card.get_by_text("5 of 5 clusters healthy after 4 min")).to_be_visible()

        expect(card.get_by_role("link", name="Roll back")).to_have_count(0)
        assert page.evaluate("window.stillHere")


def test_failure_offers_a_rollback(browser: Browser, deployed: Stage) -> None:
    report(deployed, "healthy", 1, 2, 3, minutes=2)
    report(deployed, "failed", 4, minutes=3)
    with (
        serving(deployed.app) as url,
        page_of(browser, url, extra_http_headers=_ALICE) as page,
    ):
        page.goto("/")
        expect(page.get_by_text("3 of 5 clusters healthy, 1 failed")).to_be_visible()

        page.get_by_role("link", name="Roll back… staging").click()

        page.wait_for_url("**/environments/staging/rollback")
        expect(page.get_by_label("Version")).to_be_visible()
