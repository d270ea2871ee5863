"""The first page with many environments, parallel groups and long versions."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.web.browser import page_of
from tests.web.serving import serving
from tests.web.stage import Stage, stage_in

VERSION = "v2026.11.28-rc.1.build.20261128.candidate.2"
EARLY = ("integration-tests", "component-qa", "performance-lab", "security-review", "staging-2")
REGIONS = ("prod-eu-central-1", "prod-us-east-1", "prod-ap-southeast-2")
_LIST = [
    *(f"{{name: {name}}}" for name in EARLY),
    "{name: user-acceptance, after: [performance-lab, staging-2]}",
    *(f"{{name: {name}, after: [user-acceptance]}}" for name in REGIONS),
]
MANY = ("      - name: prod\n", "".join(f"      - {each}\n" for each in (*_LIST, "name: prod")))
# For each version: the lines that it takes, and whether one begins within a word or number.
_LINES = """() => [...document.querySelectorAll(".path .version:not(.none)")].map((each) => {
  const text = each.textContent, tops = [], range = document.createRange();
  const nodes = [...each.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  for (const node of nodes) for (let at = 0; at < node.length; at++) {
    range.setStart(node, at);
    range.setEnd(node, at + 1);
    tops.push(range.getBoundingClientRect().top);
  }
  const starts = [...tops.keys()].filter((at) => at && tops[at] > tops[at - 1] + 4);
  return [starts.length + 1, starts.some((at) => /[a-z0-9]/i.test(text[at - 1]))];
})"""
_CUT = "[...document.querySelectorAll('.scroll')].some((e) => e.scrollWidth > e.clientWidth)"


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path, edit=MANY) as stage:
        stage.publish(VERSION)
        for name in ("staging", *EARLY, "user-acceptance", REGIONS[0]):
            assert stage.ask(VERSION, name).state.value == "promoted"
        yield stage


def test_long_path_is_readable_on_every_screen(browser: Browser, many: Stage) -> None:
    wide, cut, lines = {}, {}, {}
    with serving(many.app) as url:
        for width in (1440, 1024, 390):
            with page_of(browser, url, viewport={"width": width, "height": 844}) as page:
                page.goto("/")
                wide[width] = page.evaluate("document.documentElement.scrollWidth")
                lines[width] = page.evaluate(_LINES)
                page.goto("/history")
                cut[width] = page.evaluate(_CUT)

    assert wide == {width: width for width in wide}
    assert all(len(each) == len(EARLY) + 4 for each in lines.values())
    assert all(count <= 3 and not torn for each in lines.values() for count, torn in each), lines
    assert all(max(each)[0] > 1 for each in lines.values()), "no version needed a second line"
    assert not cut[390]


def test_last_environments_come_first_and_are_large(many: Stage) -> None:
    page = many.get("/")

    large, early = page.split("Earlier environments")
    assert [name for name in (*REGIONS, "prod") if f'id="env-{name}"' in large] == [
        *REGIONS,
        "prod",
    ]
    assert [name for name in ("dev", *EARLY) if f'id="env-{name}"' in early] == ["dev", *EARLY]
