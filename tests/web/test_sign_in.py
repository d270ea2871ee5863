"""People sign in with a real OpenID provider; sessions are private and last eight hours."""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer

from engine.domain.change import ChangeState
from engine.domain.errors import ConfigError
from tests.peers.loopback import free_port
from tests.peers.oidc_provider import SECRET, OidcProvider, log_in, oidc_provider
from tests.web.serving import serving
from tests.web.stage import Stage, signed_in, stage_in
from web.session_key import session_key

pytestmark = pytest.mark.requirement("WB-002")


@dataclass(frozen=True)
class Place:
    """A page at `url` with sign-in by `provider`."""

    stage: Stage
    url: str
    provider: OidcProvider

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60)

    @contextmanager
    def signed_in(self, user: str) -> Iterator[httpx.Client]:
        with self.browser() as browser:
            visit(browser, log_in(browser, visit(browser, "/auth/start?next=/changes"), user))
            yield browser


def visit(browser: httpx.Client, path: str, **asked: Any) -> httpx.Response:
    """Return the final page that a browser shows."""
    return browser.get(path, follow_redirects=True, **asked)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[OidcProvider]:
    folder = tmp_path_factory.mktemp("provider")
    callback = f"http://127.0.0.1:{port}/auth/callback"
    with oidc_provider(folder, redirect_uris=(callback,)) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, provider: OidcProvider, port: int) -> Iterator[Place]:
    web = (
        f"base_url: 'http://127.0.0.1:{port}', auth: {{mode: oidc, issuer: '{provider.issuer}', "
        "client_id: floe-web, client_secret: '${OIDC_SECRET}'}"
    )
    with stage_in(tmp_path, web, secret=SECRET) as stage, serving(stage.app, port) as url:
        yield Place(stage, url, provider)


def test_visitors_must_sign_in_before_they_see_anything(place: Place) -> None:
    with place.browser() as browser:
        pages = [visit(browser, path) for path in ("/", "/history", "/changes/c-1", "/audit")]
        twin = visit(browser, "/api/v1/status")
        events = visit(browser, "/events")

    assert {page.url.path for page in pages} == {"/sign-in"}
    assert all("Sign in with your organization" in page.text for page in pages)
    assert not any("Incident" in page.text for page in pages)
    assert (twin.status_code, events.status_code) == (401, 401)


def test_person_signs_in_returns_to_the_page_and_signs_out(place: Place) -> None:
    with place.signed_in("alice") as browser:
        page = visit(browser, "/changes")
        token = page.text.split('name="csrf" value="')[1][:64]
        browser.post("/sign-out", data={"csrf": token})
        after = visit(browser, "/changes")

    assert "alice@acme.com" in page.text
    assert after.url.path == "/sign-in"


def test_copied_cookie_is_refused_after_its_owner_signed_out(place: Place) -> None:
    with place.signed_in("alice") as browser, place.browser() as copy:
        copy.cookies.update(browser.cookies)
        page = visit(copy, "/changes")
        token = page.text.split('name="csrf" value="')[1][:64]
        browser.post("/sign-out", data={"csrf": token})
        after = visit(copy, "/changes")

    assert "alice@acme.com" in page.text
    assert after.url.path == "/sign-in"


def test_signed_in_person_has_the_same_identity_in_every_interface(place: Place) -> None:
    place.stage.publish("v1.0.0")
    place.stage.ask("v1.0.0", "staging")
    mine = place.stage.ask("v1.0.0", "prod", "alice@acme.com")

    with place.signed_in("alice") as browser:
        page = visit(browser, f"/changes/{mine.id}").text
        token = page.split('name="csrf" value="')[1][:64]
        refused = browser.post(
            f"/changes/{mine.id}/approve", data={"csrf": token}, follow_redirects=True
        )

    assert "You requested this change" in page
    assert "cannot also approve it" in refused.text
    assert place.stage.platform.changes.get(mine.id).state is ChangeState.AWAITING_APPROVAL


def test_unverified_email_address_is_rejected(place: Place) -> None:
    browser = place.browser()
    with browser:
        page = visit(browser, "/auth/start")
        answer = visit(browser, log_in(browser, page, "mallory"))
        after = visit(browser, "/changes")

    assert answer.status_code == 403
    assert "no e-mail address that the issuer verified" in answer.text
    assert after.url.path == "/sign-in"


def test_cookies_are_for_this_site_and_hidden_from_scripts(place: Place) -> None:
    with place.browser() as browser:
        answer = browser.get("/auth/start")

    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie


def test_https_cookies_are_bound_to_the_host(tmp_path: Path) -> None:
    with stage_in(tmp_path, "base_url: 'https://floe.acme.com', auth: {mode: proxy}") as stage:
        answer = stage.client.get(
            "/environments/prod",
            headers=signed_in("bob@acme.com"),
            base_url="https://floe.acme.com",
        )

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-floe=")
    assert "Secure" in cookie


def test_answer_to_another_sign_in_is_rejected(place: Place) -> None:
    with place.browser() as victim, place.browser() as attacker:
        callback = log_in(attacker, visit(attacker, "/auth/start"), "bob")
        visit(victim, "/auth/start")
        stolen = visit(victim, callback)
        bare = place.browser()
        with bare:
            without = visit(bare, callback)

    assert stolen.status_code == 403
    assert "belongs to another sign-in" in stolen.text
    assert without.status_code == 403


def test_code_is_accepted_once(place: Place) -> None:
    with place.browser() as browser:
        callback = log_in(browser, visit(browser, "/auth/start"), "bob")
        first = visit(browser, callback)
        again = visit(browser, callback)

    assert first.status_code == 200
    assert again.status_code == 403


@pytest.mark.parametrize(
    "place_asked",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\t//x"],
)
def test_redirect_after_sign_in_stays_on_this_site(place: Place, place_asked: str) -> None:
    with place.browser() as browser:
        page = visit(browser, "/auth/start", params={"next": place_asked})
        landed = visit(browser, log_in(browser, page, "bob"))

    assert str(landed.url) == f"{place.url}/"


def test_session_ends_after_eight_hours(place: Place) -> None:
    with place.signed_in("bob") as browser:
        [cookie] = [c.value for c in browser.cookies.jar if c.name == "floe"]
        assert cookie is not None
        serializer = place.stage.app.session_interface.get_signing_serializer(place.stage.app)  # type: ignore[attr-defined]  # Flask's default interface has it
        assert isinstance(serializer, URLSafeTimedSerializer)
        content = serializer.loads(cookie)
        old = content | {"since": content["since"] - 8 * 3600 - 1}
        browser.cookies.set("floe", serializer.dumps(old), domain="127.0.0.1")
        after = visit(browser, "/changes")

    assert after.url.path == "/sign-in"


def test_altered_cookie_is_rejected(place: Place) -> None:
    with place.signed_in("bob") as browser:
        [cookie] = [c.value for c in browser.cookies.jar if c.name == "floe"]
        assert cookie is not None
        swapped = ("A" if cookie[10] != "A" else "B").join((cookie[:10], cookie[11:]))
        browser.cookies.clear()
        browser.cookies.set("floe", swapped, domain="127.0.0.1")
        altered = visit(browser, "/changes")
        forged = URLSafeTimedSerializer("guessed", salt="cookie-session").dumps({"who": {}})
        browser.cookies.clear()
        browser.cookies.set("floe", str(forged), domain="127.0.0.1")
        made_up = visit(browser, "/changes")

    assert altered.url.path == "/sign-in"
    assert made_up.url.path == "/sign-in"


def test_authorization_request_has_pkce_state_and_nonce(place: Place) -> None:
    with place.browser() as browser:
        asked = parse_qs(urlsplit(browser.get("/auth/start").headers["Location"]).query)

    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    assert "email" in asked["scope"][0]


def test_unreachable_provider_is_reported(tmp_path: Path) -> None:
    web = (
        f"base_url: 'http://127.0.0.1:1', auth: {{mode: oidc, client_id: floe-web, "
        f"issuer: 'http://127.0.0.1:{free_port()}', client_secret: '${{OIDC_SECRET}}'}}"
    )
    with stage_in(tmp_path, web) as stage:
        answer = stage.client.get("/auth/start")

    assert answer.status_code == 503
    assert "does not answer, so sign-in fails" in answer.text


def test_session_key_is_stored_privately(tmp_path: Path) -> None:
    first = session_key(tmp_path / "state")
    file = tmp_path / "state" / "web.key"

    again = session_key(tmp_path / "state")

    assert first == again
    assert len(first) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by other users"):
        session_key(tmp_path / "state")


def test_invalid_session_key_is_reported(tmp_path: Path) -> None:
    (tmp_path / "web.key").write_bytes(json.dumps("short").encode())
    (tmp_path / "web.key").chmod(0o600)

    with pytest.raises(ConfigError, match="is not a session key"):
        session_key(tmp_path)
