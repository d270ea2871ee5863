"""A headless browser that can reach only this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
PATIENCE_MILLISECONDS = 45_000
PHONE = {"width": 360, "height": 740}
_SWITCHES = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_SWITCHES)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Browser, url: str, refused: str = "\n", **options: Any) -> Iterator[Page]:
    """
    Open a page. Requests to other hosts, logged errors and exceptions while it shows `url` fail the
    test, except logged answers with the status `refused`.
    """
    context = browser.new_context(base_url=url, **options)

    def ours(place: str) -> bool:
        return place.startswith(url)

    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        wrong: list[str] = []

        def note(text: str, happened: bool = True) -> None:
            if happened and page.url.startswith(url):
                wrong.append(text)

        page.on("request", lambda r: note(r.url, not (r.is_navigation_request() or ours(r.url))))
        page.on("pageerror", lambda error: note(str(error)))
        page.on("console", lambda m: note(m.text, m.type == "error" and refused not in m.text))
        yield page
        assert not wrong, wrong
    finally:
        context.close()


def violations(page: Page, place: str, axe: str) -> list[str]:
    """Return the findings of axe-core, each with the first element."""
    page.goto(place)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    # The page's policy blocks injected scripts, so axe-core is loaded through the debugger.
    page.evaluate(axe)
    result = page.evaluate("axe.run()")
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in result["violations"]]
