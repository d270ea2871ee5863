"""--watch shows an answer again when it changes; --web and `open` show its page."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.issuer import issuer
from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.cli.test_changes import Team
from tests.peers import oci_layout
from tests.peers.oidc_provider import oidc_provider
from tests.scenarios.commands import Floe, finish

HOME = "\x1b[H\x1b[J"


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with issuer() as people:
        yield Team(tmp_path, people)


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    return Floe.on("oci-layout:./registry", tmp_path)


def next_line(process: "subprocess.Popen[bytes]", holding: str) -> str:
    """Read standard output up to a line with `holding`."""
    assert process.stdout is not None
    while holding not in (line := process.stdout.readline().decode()):
        assert line, f"the command ended before {holding!r}"
    return line


def test_watched_status_shows_a_promotion_and_ends_with_ctrl_c(floe: Floe) -> None:
    process = floe.start("status", "staging", "--watch")
    next_line(process, "nothing promoted yet")

    assert floe.run("promote", "v1.0.0", "staging").code == 0
    row = next_line(process, "v1.0.0")
    process.send_signal(signal.SIGINT)
    ended = finish(process)

    assert row.startswith("staging")
    assert (ended.code, ended.err) == (130, "")


def test_watched_change_ends_with_its_exit_code(team: Team) -> None:
    change = team.request_prod()
    process = team.alice.start("changes", "show", change, "--watch")
    next_line(process, "Waiting for approval")

    assert team.bob.run("approve", change).code == 0
    ended = finish(process)

    assert ended.code == 0
    assert "Promoted v1.0.0 from dev to staging" in ended.out.splitlines()


def test_watching_a_change_ends_with_ctrl_c(team: Team) -> None:
    process = team.alice.start("changes", "show", team.request_prod(), "--watch")
    next_line(process, "Waiting for approval")

    process.send_signal(signal.SIGINT)
    ended = finish(process)

    assert (ended.code, ended.err) == (130, "")


def test_watched_document_is_printed_once_at_the_end(team: Team) -> None:
    change = team.request_prod()
    process = team.alice.start("changes", "show", change, "-w", "-o", "json")

    assert team.bob.run("reject", change, "not on a Friday").code == 0
    ended = finish(process)

    assert (ended.code, ended.document["state"]) == (15, "rejected")


def test_terminal_shows_only_the_newest_state(floe: Floe) -> None:
    floe.run("promote", "v1.0.0", "staging")

    code, written = floe.screen("status", "staging", "--watch", seconds=2)

    assert code == 130
    assert written.startswith(f"{HOME}ENVIRONMENT")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("status", "--watch", "-o", "json"), "--watch shows a table: leave out --output json"),
        (("changes", "--watch", "-o", "json"), "--watch shows a table: leave out --output json"),
        (("changes", "show", "c-1", "--watch", "--output-of", "tests"), "leave out --output-of"),
    ],
)
def test_senseless_watch_is_refused(floe: Floe, arguments: tuple[str, ...], said: str) -> None:
    refused = floe.run(*arguments)

    assert refused.code == 2
    assert said in refused.err


@pytest.fixture
def browser(tmp_path: Path) -> Path:
    """A browser that writes its address into a file."""
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/opened\n')
    program.chmod(0o755)
    return program


PAGES = [
    (("open",), "/"),
    (("open", "c-1a2b3c4d"), "/changes/c-1a2b3c4d"),
    (("platform", "open", "staging"), "/environments/staging"),
    (("changes", "show", "c-1a2b3c4d", "--web"), "/changes/c-1a2b3c4d"),
    (("status", "--web"), "/"),
    (("changes", "--web"), "/changes"),
]


@pytest.mark.parametrize(("arguments", "path"), PAGES)
def test_page_of_the_server_is_opened(
    floe: Floe, browser: Path, arguments: tuple[str, ...], path: str
) -> None:
    floe.environ.update(FLOE_SERVER="https://floe.example.com", BROWSER=f"{browser} %s")

    done = floe.run(*arguments)

    url = f"https://floe.example.com{path}"
    assert (done.code, done.out, done.err) == (0, f"{url}\n", f"Opening {url}\n")
    assert (floe.folder / "opened").read_text() == f"{url}\n"


def test_page_of_the_manifest_is_opened_for_a_product(floe: Floe, browser: Path) -> None:
    with (floe.folder / "manifest.yaml").open("a") as manifest:
        manifest.write("web: {base_url: https://floe.acme.com}\n")
    floe.environ.update(BROWSER=f"{browser} %s")

    done = floe.run("open", "c-1", "-o", "json")

    assert done.document["url"] == "https://floe.acme.com/changes/c-1"
    assert (done.code, done.document["success"], done.document["error"]) == (0, True, None)


def test_output_of_the_browser_is_not_in_the_document(floe: Floe, browser: Path) -> None:
    browser.write_text("#!/bin/sh\necho Opening in existing browser session.\n")
    floe.environ.update(FLOE_SERVER="https://floe.example.com", BROWSER=f"{browser} %s")

    done = floe.run("open", "-o", "json")

    assert done.document["url"] == "https://floe.example.com/"
    assert "existing browser session" in done.err


def test_unknown_page_is_refused_with_the_setting(floe: Floe) -> None:
    refused = floe.run("open", "c-1")

    assert refused.code == 2
    assert "No server with a page is known: set FLOE_SERVER" in refused.err


def test_address_is_printed_without_a_browser(floe: Floe) -> None:
    floe.environ.update(FLOE_SERVER="https://floe.example.com", PATH="/nowhere")

    done = floe.run("open")

    assert (done.code, done.out) == (0, "https://floe.example.com/\n")
    assert "WARNING: No browser was found: open the address yourself" in done.err


def test_opened_page_exists(tmp_path: Path, browser: Path) -> None:
    with oidc_provider(tmp_path) as provider:
        place = tmp_path / "platform"
        write_manifest(place, "oci-layout:./registry", provider.issuer)
        oci_layout.write(place / "registry", image(), "v1.0.0-dev")
        with serving(place) as server:
            token = provider.id_token("bob")
            remote = server.client(tmp_path / "ci", token, BROWSER=f"{browser} %s")
            change = remote.promote("v1.0.0", "staging").document["change_id"]
            for subject in (change, "staging"):
                url = remote.run("open", subject).out.strip()
                page = subprocess.run(
                    ["curl", "-sf", url], capture_output=True, text=True, check=True
                ).stdout
                assert subject in page
