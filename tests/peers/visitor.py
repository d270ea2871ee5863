"""A browser without a window: opens an address, and signs in where it is asked to."""

import sys

import httpx

from tests.peers.oidc_provider import log_in


def visit(address: str, user: str) -> None:
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        page = browser.get(address)
        if "<form" in page.text:
            browser.get(log_in(browser, page, user))


if __name__ == "__main__":
    visit(sys.argv[2], sys.argv[1])
