"""Takes every page in four looks, to be looked at: build/images/."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from docs.images.past import MALLORY, break_glass, fail_a_gate
from engine.domain.change import Change, ChangeState
from tests.peers.loopback import free_port
from tests.peers.oidc_provider import SECRET, oidc_provider
from tests.scenarios.changing import until
from tests.web.company import Company, three_products
from tests.web.serving import serving
from tests.web.stage import ALICE, BOB, PROXY, Stage, stage_in

FOLDER = Path("build/images")
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
# The registry is in a temporary folder, which says nothing to readers of the pictures.
NAME_REGISTRY = """() => {
  const place = /(oci-layout:)?[^\\s'"]*floe-images-[^\\s'"]*\\/registry/g;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    text.data = text.data.replace(place, "oci://registry.acme.com/sales-mart");
  }
}"""


def past_pages(stage: Stage, change: Change) -> Iterator[tuple[str, str, str]]:
    """Yield the name and address of each page, and who looks at it."""
    staging, prod = "/environments/staging", "/environments/prod"
    yield "status", "/", BOB
    yield "change-waiting", f"/changes/{change.id}", BOB
    yield "change-own", f"/changes/{change.id}", ALICE
    yield "promote-form", f"{prod}/promote", ALICE
    yield "promote-ready", f"{prod}/promote?version=v1.4.4", ALICE
    yield "promote-missing", f"{prod}/promote?version=v9.9.9", ALICE
    yield "rollback-ready", f"{prod}/rollback?version=v1.4.0", ALICE
    yield "promote-blocked", f"{staging}/promote?version=v1.4.7", ALICE
    yield "promote-older", f"{staging}/promote?version=v1.4.4", ALICE
    yield "promote-break-glass", f"{staging}/promote?version=v1.4.7&incident=INC-57", ALICE
    recent = stage.platform.store.recent(50)
    ended = next(each for each in recent if each.state is ChangeState.PROMOTED)
    failed = fail_a_gate(stage)
    yield "change-failed-gate", f"/changes/{failed.id}", BOB
    yield "change-ended", f"/changes/{ended.id}", BOB
    glass = break_glass(stage)
    yield "change-break-glass", f"/changes/{glass.id}", BOB
    yield "environment-lock-review", prod, BOB
    yield "environment-own-review", prod, ALICE
    yield "environment-unlock", staging, ALICE
    yield "environment-no-right", prod, MALLORY
    yield "environment-entry", "/environments/dev", BOB
    yield "status-review", "/", BOB
    yield "incident", "/incident?hours=24", BOB
    yield "changes", "/changes", BOB
    yield "history", "/history", BOB
    yield "history-filtered", "/history?environment=prod", BOB
    yield "history-nothing", "/history?version=v9.9.9", BOB
    yield "record", f"{prod}/records/1", BOB
    yield "diff", "/diff/v1.4.3..v1.4.6", BOB
    yield "diff-form", "/diff", BOB
    yield "delivery", "/delivery", BOB
    assert until(lambda: stage.site.auditor.look()[0] is not None)
    yield "audit", "/audit", BOB
    yield "error-no-page", "/nowhere", BOB
    yield "error-no-change", "/changes/c-00000000", BOB
    yield "error-no-right", f"{prod}/promote", MALLORY


_EMPTY = ("/", "/incident", "/changes", "/history", "/delivery", "/environments/prod", "/audit")


def take_past(browser: Browser, stage: Stage, change: Change, url: str) -> None:
    for name, place, who in past_pages(stage, change):
        stage.site.records.refresh()
        # A slow machine would show that the registry has not answered yet.
        stage.site.board.refresh()
        take(browser, url + place, name, {"X-Forwarded-Email": who})


def take_others(browser: Browser, folder: Path) -> None:
    """Take the pages of a company, of an empty platform, and of sign-in."""
    with three_products(_new(folder, "company")) as shop, serving(shop.app) as url:
        for name, place in _company(shop):
            take(browser, url + place, name, {"X-Forwarded-Email": "bob"})
    with stage_in(_new(folder, "empty"), PROXY) as stage, serving(stage.app) as url:
        assert until(lambda: stage.site.auditor.look()[0] is not None)
        for place in _EMPTY:
            name = place.strip("/").replace("/", "-") or "status"
            take(browser, url + place, f"empty-{name}", {"X-Forwarded-Email": BOB})
        take(browser, url + "/", "read-only-status", {})
    with _sign_in(_new(folder, "sign-in")) as url:
        take(browser, f"{url}/sign-in?next=/history", "sign-in", {})
        take(browser, f"{url}/auth/callback?error=access_denied&state=x", "sign-in-refused", {})


def _company(shop: Company) -> Iterator[tuple[str, str]]:
    shop.ask("checkout")
    shop.ask("search")
    shop.lock("ledger")
    shop.read()
    yield "products", "/"
    yield "products-found", "/?q=checkout"
    yield "products-nothing", "/?q=nothing-like-this"
    yield "product-status", "/p/checkout/"
    yield "product-broken", "/p/basket/"
    yield "incident-products", "/incident"


@contextmanager
def _sign_in(folder: Path) -> Iterator[str]:
    port = free_port()
    with oidc_provider(folder, redirect_uris=(f"http://127.0.0.1:{port}/auth/callback",)) as people:
        web = (
            f"base_url: 'http://127.0.0.1:{port}', auth: {{mode: oidc, client_id: floe-web, "
            f"issuer: '{people.issuer}', client_secret: '${{OIDC_SECRET}}'}}"
        )
        with stage_in(folder, web, secret=SECRET) as stage, serving(stage.app, port) as url:
            yield url


def _new(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def take(browser: Browser, url: str, name: str, headers: Mapping[str, str]) -> None:
    """Take the whole page at `url` in each look."""
    context = browser.new_context(extra_http_headers=dict(headers))
    page = context.new_page()
    page.goto(url, wait_until="load")
    page.evaluate("document.fonts.ready")
    page.evaluate(NAME_REGISTRY)
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=FOLDER / f"{name}-{size}-{scheme}.png", full_page=True)
    context.close()
