"""Calendars at https addresses: their events close, and so does any doubt about them."""

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.peers import oci_layout
from tests.peers.fake_http import FakeServer, Reply, Request
from tests.peers.oidc_provider import oidc_provider
from tests.scenarios.commands import Finished, Floe

SECRET = "s3cret-token"
JSON = ("--output", "json")


def calendar(begins: timedelta) -> bytes:
    """A calendar with one event of two hours, `begins` from now."""
    start = datetime.now(UTC) + begins
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:x",
        "BEGIN:VEVENT",
        "UID:1",
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        "DURATION:PT2H",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()


NOW, TOMORROW = calendar(timedelta(hours=-1)), calendar(timedelta(days=1))


class Calendars(FakeServer):
    """Serves one calendar over https at a secret address."""

    answer = Reply(200, NOW)

    def respond(self, request: Request) -> Reply:
        return self.answer if request.path == f"/{SECRET}.ics" else Reply(404)


@pytest.fixture
def server(certificate: Path) -> Iterator[Calendars]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with Calendars(tls=context) as running:
        yield running


def floe_on(folder: Path, server: Calendars, kind: str = "deny", **environ: str) -> Floe:
    oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
    window = f"name: holidays, kind: {kind}, ics: 'https://{server.host}/${{CALENDAR_TOKEN}}.ics'"
    promotion = f"{{environments: [{{name: dev}}, {{name: prod}}], windows: [{{{window}}}]}}"
    return Floe.on("oci-layout:./registry", folder, promotion, CALENDAR_TOKEN=SECRET, **environ)


def refused(done: Finished, why: str) -> bool:
    message = done.document["error"]["message"]
    assert SECRET not in done.out + done.err
    return done.code == 13 and f"Its calendar cannot be read: {why}" in message


def test_event_of_the_calendar_closes(tmp_path: Path, server: Calendars, certificate: Path) -> None:
    floe = floe_on(tmp_path, server, SSL_CERT_FILE=str(certificate))

    closed, windows = floe.promote("v1.0.0", "prod"), floe.run("platform", "windows", *JSON)
    server.answer = Reply(200, TOMORROW)
    opened = floe.promote("v1.0.0", "prod")

    assert closed.code == 13
    assert "closed by window 'holidays'" in closed.document["error"]["message"]
    *_, prod = windows.document["environments"]
    assert (prod["windows"][0]["open"], prod["windows"][0]["window"]) == (False, "holidays")
    assert opened.code == 0, opened.err


def test_certificate_that_is_not_trusted_closes(tmp_path: Path, server: Calendars) -> None:
    done = floe_on(tmp_path, server).promote("v1.0.0", "prod")

    assert refused(done, "its server gave no answer (ConnectError)")
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Reply(404), "its server answered 404"),
        (Reply(302, headers={"Location": "https://example.com/"}), "its server answered 302"),
        (Reply(200, b"<html>"), "it is not a usable calendar"),
        (Reply(200, b" " * (1024 * 1024 + 1)), "its server gave no answer (Oversized"),
        (Reply(200, NOW, cut_after=10), "its server gave no answer (RemoteProtocolError)"),
    ],
)
@pytest.mark.parametrize("kind", ["deny", "allow"])
def test_calendar_that_cannot_be_read_closes(
    tmp_path: Path, server: Calendars, certificate: Path, kind: str, answer: Reply, why: str
) -> None:
    floe = floe_on(tmp_path, server, kind, SSL_CERT_FILE=str(certificate))
    server.answer = answer

    assert refused(floe.promote("v1.0.0", "prod"), why)


@pytest.fixture
def through_server(
    tmp_path: Path, server: Calendars, certificate: Path
) -> Iterator[Callable[..., Finished]]:
    """Run commands at a server that reads the calendar."""
    place = tmp_path / "platform"
    with oidc_provider(tmp_path) as provider:
        write_manifest(place, "oci-layout:./registry", provider.issuer)
        oci_layout.write(place / "registry", image(), "v1.0.0-dev")
        file = place / "manifest.yaml"
        windows = (
            f"windows: [{{name: holidays, kind: deny, ics: 'https://{server.host}/{SECRET}.ics'}}]"
        )
        file.write_text(
            file.read_text().replace("  promotion:\n", f"  promotion:\n    {windows}\n")
        )
        with serving(place, SSL_CERT_FILE=str(certificate)) as running:
            yield running.client(tmp_path / "ci", provider.id_token("bob")).run


def test_windows_of_a_server_are_shown(through_server: Callable[..., Finished]) -> None:
    text = through_server("platform", "windows", "--env", "staging")
    answer = through_server("platform", "windows", *JSON)
    refusal = through_server("platform", "promote", "v1.0.0", "--to", "staging", *JSON)

    assert (text.code, answer.code, refusal.code) == (0, 0, 13)
    assert "holidays" in text.out and "prod" not in text.out
    environments = answer.document["environments"]
    assert [each["environment"] for each in environments] == ["dev", "staging", "prod"]
    for environment in environments:
        [window] = environment["windows"]
        assert (window["open"], window["window"]) == (False, "holidays")
        assert "fault" not in window
    assert SECRET not in text.out + answer.out + refusal.out + refusal.err


def test_server_without_its_calendar_is_closed(
    server: Calendars, through_server: Callable[..., Finished]
) -> None:
    server.answer = Reply(503)

    refusal = through_server("platform", "promote", "v1.0.0", "--to", "staging", *JSON)
    answer = through_server("platform", "windows", "--env", "staging", *JSON)
    text = through_server("platform", "windows", "--env", "staging")

    assert refused(refusal, "its server answered 503")
    [staging] = answer.document["environments"]
    [window] = staging["windows"]
    assert (window["open"], window["fault"]) == (False, "its server answered 503")
    shown = " ".join(text.out.split())
    assert "staging: the calendar of 'holidays' cannot be read: its server answered 503" in shown
    assert SECRET not in answer.out + text.out
