"""Attacks without sign-in: forged names, forged hosts, and other people's browsers."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.serving import serving
from tests.web.stage import BOB, PROXY, Stage, signed_in, stage_in

pytestmark = pytest.mark.requirement("WB-002")
_FAR = "auth: {mode: proxy, trusted_proxies: [10.9.8.0/24]}"


def raw_answer(url: str, *lines: str, method: str = "GET", path: str = "/changes") -> str:
    """Return the whole answer to a request with exactly these header lines."""
    host, _, port = url.removeprefix("http://").partition(":")
    if not any(line.lower().startswith("host:") for line in lines):
        lines = (f"Host: {host}", *lines)
    sent = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "Connection: close", "", ""])
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(sent.encode())
        with connection.makefile("rb") as answer:
            return answer.read().decode()


@pytest.fixture
def loopback_url(tmp_path: Path) -> Iterator[str]:
    """A platform that trusts the header of any process on this machine."""
    with stage_in(tmp_path, PROXY) as stage, serving(stage.app) as url:
        yield url


def test_name_from_a_trusted_proxy_is_accepted_over_the_wire(loopback_url: str) -> None:
    answer = raw_answer(loopback_url, f"X-Forwarded-Email: {BOB}")

    assert answer.startswith("HTTP/1.1 200")
    assert BOB in answer


@pytest.mark.parametrize(
    "lines",
    [
        (f"X_Forwarded_Email: {BOB}",),
        (f"X-Forwarded_Email: {BOB}",),
        (f"X-Forwarded-Email: {BOB}", "X-Forwarded-Email: carol@acme.com"),
        (f"X-Forwarded-Email: {BOB},",),
        ("X-Forwarded-Email:",),
        (f"X-Forwarded-User: {BOB}", f"Remote-User: {BOB}", f"From: {BOB}"),
    ],
)
def test_name_header_variant_that_a_proxy_passes_is_ignored(
    loopback_url: str, lines: tuple[str, ...]
) -> None:
    answer = raw_answer(loopback_url, *lines)

    assert answer.startswith("HTTP/1.1 303")
    assert "Location: /sign-in" in answer


@pytest.mark.parametrize(
    "line",
    [
        "X-Forwarded-For: 10.9.8.7",
        "X-Real-IP: 10.9.8.7",
        "Forwarded: for=10.9.8.7",
        "Client-IP: 10.9.8.7",
    ],
)
def test_client_cannot_pose_as_a_trusted_proxy(tmp_path: Path, line: str) -> None:
    with stage_in(tmp_path, _FAR) as stage, serving(stage.app) as url:
        answer = raw_answer(url, line, f"X-Forwarded-Email: {BOB}")

    assert answer.startswith("HTTP/1.1 303")


@pytest.mark.parametrize(
    "lines",
    [
        ("Host: evil.example",),
        ("X-Forwarded-Host: evil.example",),
        ("X-Forwarded-Proto: https", "X-Forwarded-Prefix: //evil.example"),
        ("Host: evil.example@127.0.0.1",),
    ],
)
def test_no_answer_links_to_a_host_from_the_request(
    loopback_url: str, lines: tuple[str, ...]
) -> None:
    asked = (
        raw_answer(loopback_url, *lines),
        raw_answer(loopback_url, *lines, f"X-Forwarded-Email: {BOB}", path="/"),
    )

    assert "evil.example" not in "".join(asked)


def test_form_sent_under_another_host_name_is_rejected(tmp_path: Path) -> None:
    with stage_in(tmp_path, PROXY) as stage:
        token = stage.get("/environments/prod", BOB).split('name="csrf" value="')[1][:64]

        answer = stage.client.post(
            "/environments/prod/lock",
            data={"csrf": token, "reason": "INC-1"},
            headers=signed_in(BOB) | {"Origin": "https://evil.example", "Host": "localhost"},
        )

        assert answer.status_code == 403
        assert stage.platform.engine.status()[-1].lock is None


@pytest.mark.parametrize("path", ["/sign-in?next=/%0d%0aX-Evil:%201", "/%0d%0aX-Evil:%201"])
def test_request_cannot_inject_a_header_line_into_the_answer(loopback_url: str, path: str) -> None:
    head, _, _ = raw_answer(loopback_url, f"X-Forwarded-Email: {BOB}", path=path).partition(
        "\r\n\r\n"
    )

    assert "X-Evil" not in head


def test_browser_sign_in_gives_no_access_to_api_commands(behind_proxy: Stage) -> None:
    behind_proxy.get("/environments/prod", BOB)

    answer = behind_proxy.client.post(
        "/api/v1/environments/prod/lock", json={"reason": "INC-1"}, headers=signed_in(BOB)
    )

    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/", "/changes", "/api/v1/status", "/sign-in", "/nowhere"])
def test_pages_are_not_cached_by_proxies(behind_proxy: Stage, path: str) -> None:
    answer = behind_proxy.client.get(path, headers=signed_in(BOB))

    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("scheme", "bound"), [("https", "max-age=31536000"), ("http", None)])
def test_browsers_that_used_https_cannot_return_by_http(
    tmp_path: Path, scheme: str, bound: str | None
) -> None:
    with stage_in(tmp_path, f"base_url: '{scheme}://floe.acme.com', {PROXY}") as stage:
        answer = stage.client.get("/", base_url=f"{scheme}://floe.acme.com")

    assert answer.headers.get("Strict-Transport-Security") == bound
