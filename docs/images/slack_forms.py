"""Walks an incident in Slack, and takes each form, answer and announcement on the way."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.e2e.shop import break_the_glass, message, release
from tests.e2e.workspace import Workspace
from tests.peers.local_slack import ALICE, BOB, DEPLOYS, INCIDENT, Json

# Takes the part of the page that a CSS selector finds, under a name.
Take = Callable[[str, str], None]
_REASON = "INC-42: checkout answers with 5xx"


def take_story(shop: Workspace, page: Page, take: Take) -> None:
    """Take the forms of /promote to the review of a break-glass, and the Home tab."""
    release(shop, "v1.0.0")
    release(shop, "v2.0.0")
    shop.publish_to_staging("v2.0.1")
    page.goto(f"/#/{DEPLOYS}")
    _request(shop, page, take)
    _commands(shop, page, take)
    locked = _locks(shop, page, take)
    _glass(shop, page, take)
    _form(shop, page, take, "unlock", BOB, "/unlock checkout prod", "Unlock")
    shop.slack.click(BOB, locked, "floe_unlock_all")
    shop.modal("Unlock")
    _close(page, take, "form-unlock-all")
    for user, name in ((ALICE, "alice"), (BOB, "bob")):
        shop.eventually(lambda user=user: "checkout" in str(shop.slack.open_home(user)))
        page.get_by_label("Act as").select_option(user)
        page.locator(".sidebar").get_by_role("button", name="floe").click()
        page.locator(".home-inner .bk-header").first.wait_for()
        take(f"home-{name}", ".home-inner")


def _request(shop: Workspace, page: Page, take: Take) -> None:
    _form(shop, page, take, "promote-product", ALICE, "/promote", "Product")
    _form(shop, page, take, "promote", ALICE, "/promote checkout", "Version")
    _form(shop, page, take, "waive", ALICE, "/promote waive checkout", "Waive")
    shop.slack.command(ALICE, "/promote checkout v2.0.1 prod")
    ask = shop.ask(shop.root("v2.0.1", "Waiting for approval"))
    page.get_by_role("button", name="replies").last.click()
    page.get_by_role("button", name="Approve", exact=True).wait_for()
    take("thread-waiting", ".thread-pane")
    shop.slack.click(BOB, ask, "floe_reject")
    shop.modal("Reject")
    page.locator(".modal").wait_for()
    take("form-reject", ".modal")
    assert shop.slack.submit(BOB, reason="not on a Friday") == {}
    shop.root("v2.0.1", "Rejected")
    page.get_by_text("not on a Friday").first.wait_for()
    take("thread-rejected", ".thread-pane")
    page.locator(".thread-x").click()


def _commands(shop: Workspace, page: Page, take: Take) -> None:
    """Take the answers that only the person sees, in a channel of their own."""
    page.get_by_label("Act as").select_option(ALICE)
    page.locator(".sidebar").get_by_role("button", name="inc-42").click()
    for typed in (
        "/promote help",
        "/rollback help",
        "/lock help",
        "/promotions checkout",
        "/promote checkout v9.9.9 prod",
        "/promote checkuot v2.0.1 prod",
        "/promote checkout v1.0.0 prod",
    ):
        known = len(shop.slack.private_texts(ALICE, INCIDENT))
        shop.slack.command(ALICE, typed, INCIDENT)
        shop.eventually(lambda: len(shop.slack.private_texts(ALICE, INCIDENT)) > known)  # noqa: B023
    take("answers", ".messages")


def _locks(shop: Workspace, page: Page, take: Take) -> Json:
    _form(shop, page, take, "lock", BOB, "/lock checkout prod", "Lock")
    typed = f"/lock --all prod 30m {_REASON}"
    shop.slack.command(BOB, typed, INCIDENT)
    shop.modal("checkout, search")
    page.locator(".modal").wait_for()
    take("form-lock-all", ".modal")
    assert shop.slack.submit(BOB, reason=_REASON) == {}
    locked = message(shop, "Locked (2)", INCIDENT)
    shop.slack.command(ALICE, "/promote checkout v2.0.1 prod", INCIDENT)
    shop.private_message(ALICE, "is locked", INCIDENT)
    take("locked", ".messages")
    rollback = "/rollback checkout v1.0.0 prod"
    shop.slack.command(ALICE, rollback, INCIDENT)
    shop.modal("Undoes")
    page.locator(".modal").get_by_text("Undoes").wait_for()
    take("form-rollback", ".modal")
    assert shop.slack.submit(ALICE, reason=_REASON) == {}
    shop.root("v1.0.0", "Rolled back")
    return locked


def _glass(shop: Workspace, page: Page, take: Take) -> None:
    announced = break_the_glass(shop)
    page.locator(".sidebar").get_by_role("button", name="deploys").click()
    root = page.locator(f'.msg[data-ts="{announced.get("thread_ts", announced["ts"])}"]')
    root.wait_for()
    take("channel", ".messages")
    root.locator(".thread-summary").click()
    page.locator(f'.thread-pane .msg[data-ts="{announced["ts"]}"]').wait_for()
    take("thread-break-glass", ".thread-pane")
    page.locator(".thread-x").click()
    for user, words, name in (
        (ALICE, "used this break-glass", "refused"),
        (BOB, "Verdict", "form"),
    ):
        shop.slack.click(user, announced, "floe_review")
        shop.modal(words)
        page.locator(".modal").get_by_text(words).first.wait_for()
        _close(page, take, f"review-{name}")


def _form(
    shop: Workspace, page: Page, take: Take, name: str, user: str, typed: str, words: str
) -> None:
    shop.slack.command(user, typed, INCIDENT)
    shop.modal(words)
    page.locator(".modal").wait_for()
    _close(page, take, f"form-{name}")


def _close(page: Page, take: Take, name: str) -> None:
    take(name, ".modal")
    page.locator(".modal-x").click()
    page.locator(".modal").wait_for(state="detached")
