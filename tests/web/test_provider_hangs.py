"""A provider or issuer that accepts connections and stays silent delays no other request."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.peers.fake_http import Reply
from tests.peers.fake_issuer import DISCOVERY, JWKS
from tests.peers.fake_provider import FakeProvider
from tests.web.serving import serving
from tests.web.stage import stage_in

pytestmark = pytest.mark.timeout(120)
HANGS = Reply(delay_seconds=30)
AT_ONCE = 40
# A page takes milliseconds to answer; a hanging provider times out after 10 s.
SOON_SECONDS = 5.0


@contextmanager
def served(folder: Path, provider: FakeProvider) -> Iterator[str]:
    web = (
        f"base_url: 'http://127.0.0.1', auth: {{mode: oidc, issuer: '{provider.issuer}', "
        "client_id: floe-web, client_secret: '${OIDC_SECRET}'}"
    )
    oidc = f"{{issuer: '{provider.issuer}', audience: floe}}"
    with stage_in(folder, web, oidc=oidc) as stage, serving(stage.app) as url:
        yield url


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


def slowest_of_others(url: str, ask: Callable[[int], httpx.Response]) -> tuple[float, list[int]]:
    """
    Return the slowest of five health checks while 40 visitors `ask`, and the answers they get.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asking = [pool.submit(ask, number) for number in range(AT_ONCE)]
        time.sleep(0.5)
        seconds = []
        for _ in range(5):
            began = time.monotonic()
            assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
            seconds.append(time.monotonic() - began)
        return max(seconds), [each.result().status_code for each in asking]


def test_hanging_provider_delays_no_other_request(provider: FakeProvider, tmp_path: Path) -> None:
    provider.always("GET", DISCOVERY, HANGS)
    with served(tmp_path, provider) as url:
        began = time.monotonic()
        slowest, answers = slowest_of_others(
            url, lambda _: httpx.get(f"{url}/auth/start", timeout=60)
        )
        took = time.monotonic() - began
        again = httpx.get(f"{url}/auth/start", timeout=60)

    assert slowest < SOON_SECONDS
    assert took < 25
    assert set(answers) == {503}
    assert again.status_code == 503
    assert "so sign-in fails: try again" in again.text


def test_provider_hanging_at_the_code_exchange_delays_no_other_request(
    provider: FakeProvider, tmp_path: Path
) -> None:
    provider.always("POST", "/token", HANGS)
    with served(tmp_path, provider) as url:
        # Discovery is cached from here on: only the code exchange is under test.
        assert httpx.get(f"{url}/auth/start", timeout=60).is_redirect

        def sign_in(number: int) -> httpx.Response:
            with httpx.Client(base_url=url, timeout=60) as browser:
                asked = httpx.URL(browser.get("/auth/start").headers["Location"]).params
                return browser.get(f"/auth/callback?code=made-up&state={asked['state']}")

        slowest, answers = slowest_of_others(url, sign_in)

    assert slowest < SOON_SECONDS
    assert set(answers) == {503}


def test_hanging_issuer_delays_no_other_request(provider: FakeProvider, tmp_path: Path) -> None:
    made_up = provider.key.sign({"iss": provider.issuer, "aud": "floe", "sub": "x"}, kid="no")
    provider.always("GET", JWKS, HANGS)
    with served(tmp_path, provider) as url:
        headers = {"Authorization": f"Bearer {made_up}"}
        slowest, answers = slowest_of_others(
            url,
            lambda _: httpx.post(f"{url}/api/v1/promotions", headers=headers, json={}, timeout=60),
        )

    assert slowest < SOON_SECONDS
    assert set(answers) == {503}


def test_sign_in_recovers_soon_after_the_provider(provider: FakeProvider, tmp_path: Path) -> None:
    provider.script("GET", DISCOVERY, Reply(500))
    with served(tmp_path, provider) as url:
        first = httpx.get(f"{url}/auth/start").status_code
        second = httpx.get(f"{url}/auth/start").status_code
        asked = len(provider.seen("GET", DISCOVERY))
        end = time.monotonic() + 60
        while httpx.get(f"{url}/auth/start").status_code != 303 and time.monotonic() < end:
            time.sleep(0.5)
        later = httpx.get(f"{url}/auth/start").status_code

    assert (first, second, asked) == (503, 503, 1)
    assert later == 303


def test_server_is_not_ready_without_its_provider_and_answers_at_once(
    tmp_path: Path, provider: FakeProvider
) -> None:
    provider.always("GET", DISCOVERY, Reply(500))
    with served(tmp_path, provider) as url:
        end = time.monotonic() + 60
        while (ready := httpx.get(f"{url}/readyz", timeout=5)).status_code == 200:
            assert time.monotonic() < end
            time.sleep(0.05)

    why = ready.json()["parts"]["sign_in"]["why"]
    assert ready.status_code == 503
    assert "sign-in fails" in why
