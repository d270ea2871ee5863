"""Takes the pictures of Slack: docs/images/slack.png, and each message and form in four looks."""

from collections.abc import Iterator
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Locator, Page

from bot.blocks.newer_blocks import without_newer_blocks
from docs.images.gallery import FOLDER, SIZES
from docs.images.slack_forms import take_story
from engine.domain.change import ChangeState
from tests.bot.samples import direct_messages, messages, sample
from tests.e2e.shop import running_shop
from tests.e2e.test_browser import request_in_slack
from tests.e2e.workspace import workspace
from tests.peers.docker_registry import docker_registry
from tests.peers.local_slack import BOT_TOKEN, DEPLOYS, LocalSlack, local_slack

FILE = Path(__file__).with_name("slack.png")
_LOOK = Path(__file__).with_name("slack.css")
# local-slack does not render this markup; Slack shows it like this.
_AS_SLACK_SHOWS = """() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    text.data = text.data.replace(/<!subteam\\^[^>]*>/g, "@release-managers");
  }
}"""
_DRESS = """([css, scheme]) => {
  const look = document.querySelector("#look") ?? document.createElement("style");
  look.id = "look";
  look.textContent = css;
  document.head.append(look);
  document.documentElement.className = scheme;
}"""


def take_all(browser: Browser, folder: Path) -> None:
    """Take docs/images/slack.png, the messages of tests/bot/samples.py, and an incident."""
    for name in ("golden", "one", "shop"):
        (folder / name).mkdir()
    with local_slack(folder / "golden") as slack:
        _take_messages(browser, slack)
    with docker_registry(folder) as registry:
        _take_docs(browser, folder / "one", registry.host)
        with running_shop(folder / "shop", registry.host) as shop:
            page = browser.new_page(base_url=shop.slack.url)
            take_story(shop, page, lambda name, part: take(page.locator(part), f"slack-{name}"))
            page.close()


def _take_docs(browser: Browser, folder: Path, registry: str) -> None:
    with workspace(folder, registry, "acme/platform", socket=True) as running:
        running.publish_to_staging("v1.0.0")
        page = browser.new_page(base_url=running.slack.url, viewport={"width": 1000, "height": 720})
        request_in_slack(page, "/promote v1.0.0 prod")
        page.mouse.move(0, 0)
        page.evaluate(_AS_SLACK_SHOWS)
        page.evaluate("document.querySelector('.topbar').remove()")
        page.screenshot(path=FILE)
        page.close()


def _take_messages(browser: Browser, slack: LocalSlack) -> None:
    """
    Take the messages of each state. local-slack renders no tables and plans, so it shows the
    sections that replace them; the texts of the notifications are in slack-texts.txt.
    """
    texts = []
    page = browser.new_page(base_url=slack.url)
    for state in ChangeState:
        posted = list(_post(slack, state))
        # Another address, because the style of the state before would stay.
        page.goto(f"/?{state.value}#/{DEPLOYS}")
        others = ",".join(f'[data-ts="{sent}"]' for sent, _ in posted)
        page.locator(f'.msg[data-ts="{posted[-1][0]}"]').wait_for()
        page.add_style_tag(content=f".msg:not({others}) {{ display: none }}")
        take(page.locator(".messages"), f"slack-{state.value}")
        texts += [f"{state.value}: {text}" for _, text in posted]
    (FOLDER / "slack-texts.txt").write_text("\n".join(texts) + "\n")
    page.close()


def _post(slack: LocalSlack, state: ChangeState) -> Iterator[tuple[str, str]]:
    """Post the messages of `state`; yield the timestamp and the text of each."""
    change, token = sample(state), {"Authorization": f"Bearer {BOT_TOKEN}"}
    for wanted in (*messages(change), *direct_messages(change)):
        if wanted.key.endswith(":reminder") and state is not ChangeState.AWAITING_APPROVAL:
            continue
        given = wanted.payload.arguments
        blocks = given["blocks"]
        assert isinstance(blocks, list)
        body = given | {"channel": DEPLOYS, "blocks": without_newer_blocks(blocks)}
        answer = httpx.post(f"{slack.api}chat.postMessage", json=body, headers=token).json()
        assert answer["ok"], answer
        yield answer["ts"], wanted.payload.text


def take(part: Locator, name: str) -> None:
    """Take a part of the page in each look; local-slack itself has one for light desktops only."""
    page: Page = part.page
    for size, (width, _) in SIZES.items():
        page.set_viewport_size({"width": width, "height": 1600})
        for scheme in ("light", "dark"):
            page.evaluate(_DRESS, [_LOOK.read_text(), f"{size} {scheme}"])
            page.evaluate(_AS_SLACK_SHOWS)
            part.screenshot(path=FOLDER / f"{name}-{size}-{scheme}.png")
    page.evaluate(_DRESS, ["", ""])
    page.set_viewport_size({"width": SIZES["desktop"][0], "height": SIZES["desktop"][1]})
