"""The page of delivery: the figures of `floe platform dora`, and their charts."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser

from engine.domain.errors import UsageError
from tests.scenarios.commands import Floe
from tests.web.browser import PHONE, page_of, violations
from tests.web.stage import Stage
from tests.web.test_pages import promoted_to_prod
from web.dora_reader import DoraReader

WEEK = timedelta(days=7)
pytestmark = pytest.mark.requirement("WB-001")


@pytest.fixture
def delivered(stage: Stage) -> Stage:
    """Two versions went to prod, and the second was rolled back there."""
    promoted_to_prod(stage)
    promoted_to_prod(stage, "v1.1.0")
    stage.roll_back("v1.0.0", "prod")
    return stage


def figures(page: str) -> dict[str, list[str]]:
    """Return the figures of each environment on the page."""
    found = re.findall(r'<th role="rowheader".*?</tr>', page)
    return {
        re.sub("<[^>]+>", "", row.partition("</th>")[0]): re.findall(r'label="[^"]+">([^<]+)<', row)
        for row in found
    }


def test_page_and_command_print_the_same_figures(delivered: Stage) -> None:
    page = delivered.get("/delivery")
    printed = Floe(delivered.folder).run("platform", "dora", "--since", "30d").out

    shown = figures(page)
    assert list(shown) == ["dev", "staging", "prod"]
    assert shown["prod"][3] == "50% (1)"
    for name, on_page in shown.items():
        # The page has a dash for a figure that is not known.
        texts = [text.replace("–", "-") for text in on_page]
        assert re.search(r"^\s*" + r"\s+".join(map(re.escape, [name, *texts])), printed, re.M)


def test_charts_have_words_definitions_and_numbers(delivered: Stage) -> None:
    page = delivered.get("/delivery?since=7d&environment=prod")

    assert "2 promotions to prod: 0.29 a day." in page
    assert "1 of 2 promotions rolled back: 50%." in page
    assert "Share of these promotions that a rollback left." in page
    assert "Median time from the request of a promotion to its last approval" in page
    # Seven rows for each of five figures and two gates.
    assert page.count("<svg viewBox") - 1 == 7
    assert "<rect x=" in page
    assert page.count('<td class="num">') == 49
    assert "style=" not in page
    assert re.search(r'<p class="soft">From <time datetime="[^"]+Z?">', page)


def test_period_without_promotions_has_no_charts(delivered: Stage) -> None:
    page = delivered.get("/delivery?environment=dev")

    assert "Nothing was promoted to dev in this period" in page
    assert "<figure" not in page


def test_new_promotion_is_counted_at_once(delivered: Stage) -> None:
    assert figures(delivered.get("/delivery"))["prod"][0] == "2"
    promoted_to_prod(delivered, "v1.2.0")

    assert figures(delivered.get("/delivery"))["prod"][0] == "3"


def test_period_is_read_once_for_all_viewers(delivered: Stage) -> None:
    now = delivered.platform.engine.now()

    first = delivered.site.dora_reader.read(WEEK, now)

    assert delivered.site.dora_reader.read(WEEK, now) is first


def test_period_since_a_fixed_time_is_read_once_a_minute(delivered: Stage) -> None:
    now, later = delivered.platform.engine.now(), timedelta(seconds=20)

    first = delivered.site.dora_reader.read(WEEK, now)

    assert delivered.site.dora_reader.read(WEEK + later, now + later) is first
    assert delivered.site.dora_reader.read(WEEK * 2, now) is not first


def test_too_many_promotions_are_refused_with_a_hint(delivered: Stage) -> None:
    reader = DoraReader(delivered.site.records, most=2)

    with pytest.raises(UsageError, match="choose a shorter one"):
        reader.read(WEEK, delivered.platform.engine.now())


def test_promotions_before_the_period_do_not_make_it_too_long(delivered: Stage) -> None:
    reader = DoraReader(delivered.site.records, most=2)
    later = delivered.platform.engine.now() + timedelta(hours=1)

    assert reader.read(timedelta(minutes=1), later).found == {}


@pytest.mark.parametrize("query", ["since=31d", "environment=moon"])
def test_unknown_choice_is_refused(stage: Stage, query: str) -> None:
    assert stage.client.get(f"/delivery?{query}").status_code == 400


def test_page_is_accessible_on_a_phone_too(
    browser: Browser, delivered: Stage, url: str, axe: str
) -> None:
    for scheme in ("light", "dark"):
        with page_of(browser, url, viewport=PHONE, color_scheme=scheme) as page:
            for place in ("/delivery", "/history", "/environments/prod/records/1", "/audit"):
                assert violations(page, place, axe) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
