"""Take the picture of docs/slack.md. Install fonts-inter and fonts-noto-color-emoji first."""

import os
import tempfile
from pathlib import Path

from tests.e2e.test_browser import request_in_slack
from tests.e2e.workspace import workspace
from tests.peers.docker_registry import docker_registry
from tests.web.browser import chromium

FILE = Path(__file__).parent / "slack.png"
# local-slack does not render this markup; Slack shows it like this.
_AS_SLACK_SHOWS = """() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    text.data = text.data.replace("<!subteam^SRELEASEMANAGERS>", "@release-managers");
  }
  document.querySelector(".topbar").remove();
}"""


def main() -> None:
    os.environ["FONTCONFIG_FILE"] = str(FILE.with_name("fonts.xml"))
    with (
        tempfile.TemporaryDirectory(prefix="floe-images-") as folder,
        docker_registry(Path(folder)) as registry,
        workspace(Path(folder), registry.host, "acme/platform", socket=True) as running,
        chromium() as browser,
    ):
        running.publish_to_staging("v1.0.0")
        page = browser.new_page(base_url=running.slack.url, viewport={"width": 1000, "height": 720})
        request_in_slack(page, "/promote v1.0.0 prod")
        page.mouse.move(0, 0)
        page.evaluate(_AS_SLACK_SHOWS)
        page.screenshot(path=FILE)


if __name__ == "__main__":
    main()
