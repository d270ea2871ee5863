"""Takes the pictures of the docs, and galleries of pages and messages: `make images`."""

import os
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from docs.images import gallery, slack
from docs.images.past import platform_with_a_past
from tests.web.browser import chromium
from tests.web.serving import serving
from tests.web.stage import BOB

FOLDER = Path(__file__).parent
_WIDTH, _HEIGHT = 1000, 840
# The end of the last complete row, so that the screenshot cuts no row.
_END = """height => Math.max(...[...document.querySelectorAll("main tbody tr, main li")]
  .map(each => each.getBoundingClientRect().bottom).filter(end => end <= height))"""


def main() -> None:
    os.environ["FONTCONFIG_FILE"] = str(FOLDER / "fonts.xml")
    with (
        tempfile.TemporaryDirectory(prefix="floe-images-") as folder,
        platform_with_a_past(Path(folder)) as (stage, change),
        serving(stage.app) as url,
        chromium() as browser,
    ):
        places = {"now": "/", "history": "/history", "change": f"/changes/{change.id}"}
        for name, place in places.items():
            _take(browser, url + place, FOLDER / f"{name}.png")
        gallery.take_past(browser, stage, change, url)
        gallery.take_others(browser, Path(folder))
        slack.take_all(browser, Path(folder))


def _take(browser: Browser, url: str, file: Path) -> None:
    context = browser.new_context(
        viewport={"width": _WIDTH, "height": _HEIGHT},
        # Like on high-resolution screens: text stays sharp.
        device_scale_factor=2,
        color_scheme="light",
        extra_http_headers={"X-Forwarded-Email": BOB},
    )
    page = context.new_page()
    page.goto(url, wait_until="load")
    page.evaluate("document.fonts.ready")
    page.evaluate(gallery.NAME_REGISTRY)
    end = page.evaluate(_END, _HEIGHT)
    page.screenshot(path=file, clip={"x": 0, "y": 0, "width": _WIDTH, "height": end + 1})
    context.close()


if __name__ == "__main__":
    main()
