"""Tables, colours and progress at a terminal."""

import re
import time
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import pytest

from cli.progress import TerminalProgress
from cli.stdio import clear_passing, show_passing
from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

REASON = "INC-1234 the payment gateway answers only every second request, and slowly"
GATED = (
    "{environments: [{name: dev}, {name: staging, gates: {tests: true}}, {name: prod}],"
    " gate_commands: {tests: [sh, -c, 'echo seen; test ! -e broken']}}"
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CLEARED = "\r\x1b[K"


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    return Floe.on("oci-layout:./registry", tmp_path, GATED)


def visible(written: str) -> list[str]:
    """The lines that stay on the screen."""
    return [COLOUR.sub("", line.rpartition(CLEARED)[2]) for line in written.split("\n")[:-1]]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Floe:
    """A platform with a record, and a lock with a long reason."""
    folder = tmp_path_factory.mktemp("locked")
    oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
    platform = Floe.on("oci-layout:./registry", folder, GATED)
    assert platform.run("promote", "v1.0.0", "staging").code == 0
    assert platform.run("lock", "staging", REASON).code == 0
    return platform


@pytest.mark.parametrize("command", [("status",), ("history",)])
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_tables_fit_and_divide_no_word(
    locked: Floe, columns: int, command: tuple[str, ...]
) -> None:
    code, written = locked.screen(*command, columns=columns)

    lines = visible(written)
    assert code == 0
    # Everything is there, in the same words.
    assert sorted(" ".join(lines).split()) == sorted(locked.run(*command).out.split())
    assert max(map(len, lines)) <= columns


def test_narrow_table_has_its_last_columns_below_the_rows(locked: Floe) -> None:
    _, written = locked.screen("status", "staging")

    heads, below, row, *notes = visible(written)
    assert (heads.split(), below) == (
        ["ENVIRONMENT", "VERSION", "DIGEST", "BY", "SINCE"],
        "  NOTES",
    )
    assert row.startswith("staging      v1.0.0   sha256:")
    assert all(line.startswith("  ") for line in notes)
    assert " ".join(line.strip() for line in notes).endswith(f": {REASON}")


def test_wide_terminal_wraps_only_the_last_column(locked: Floe) -> None:
    _, written = locked.screen("status", "staging", columns=110)

    heads, row, *more = visible(written)
    place = heads.index("NOTES")
    assert row[place:].startswith("locked by ")
    assert more
    assert {line[:place].strip() for line in more} == {""}


def test_verdicts_have_colours_at_a_terminal(floe: Floe) -> None:
    _, written = floe.screen("promote", "v1.0.0", "staging", "--dry-run")
    _, refused = floe.screen("promote", "v1.1.0-rc.1", "staging", "--dry-run")

    assert "  \x1b[32mpassed\x1b[0m   authorization" in written
    assert "\x1b[31mNot promoted\x1b[0m: " in refused


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_turned_off(floe: Floe, environ: dict[str, str]) -> None:
    plain = Floe(floe.folder, environ)

    _, written = plain.screen("promote", "v1.0.0", "staging", "--dry-run")
    _, promoted = plain.screen("promote", "v1.0.0", "staging")

    assert COLOUR.findall(written + promoted) == []
    assert ("\x1b" in promoted) == (environ.get("TERM") != "dumb")


def test_output_to_a_file_has_no_colours(floe: Floe) -> None:
    done = floe.run("promote", "v1.0.0", "staging", "--dry-run")

    assert "\x1b" not in done.out + done.err


def test_hostile_text_cannot_colour_the_terminal(floe: Floe) -> None:
    floe.run("lock", "staging", "\x1b[31m\x1b[2Jred")

    _, written = floe.screen("status", "staging")

    assert "\x1b[31m" not in written
    assert "\\x1b[31m\\x1b[2Jred" in written


def test_passing_lines_vanish(floe: Floe) -> None:
    _, written = floe.screen("promote", "v1.0.0", "staging")

    lines = visible(written)
    assert "… tests: running" in written
    assert "checking staging" in written
    assert [line for line in lines if line.startswith("…")] == [lines[0]]
    assert lines[0].startswith("… tests: passed in ")
    assert lines[1] == "Promoted v1.0.0 from dev to staging"


def test_bar_shows_what_was_pulled_and_vanishes(floe: Floe) -> None:
    code, written = floe.screen("artifact", "pull", "v1.0.0", "--to", "pulled")
    files = [file for file in (floe.folder / "pulled").iterdir() if file.name != "manifest.json"]
    quiet = floe.screen("artifact", "pull", "v1.0.0", "--to", "again", "--quiet")
    in_ci = floe.run("artifact", "pull", "v1.0.0", "--to", "once-more")

    assert code == 0, written
    assert files
    assert "[####################] 100%, 0.0 of 0.0 MB" in COLOUR.sub("", written)
    assert not any("####" in line for line in visible(written))
    assert "####" not in quiet[1] + in_ci.err


def test_bar_shows_the_ledger_entries_that_were_read(locked: Floe) -> None:
    code, written = locked.screen("platform", "audit", "verify", "--env", "staging", columns=120)

    assert code == 0, written
    shown = COLOUR.sub("", written)
    assert "[--------------------]   0%, 0 of 2 entries: reading the ledger of staging" in shown
    assert not any("[---" in line for line in visible(written))


def test_bar_has_a_rate_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("COLUMNS", "120"), ("NO_COLOR", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    terminal, progress = Terminal(), TerminalProgress()
    with redirect_stderr(terminal):
        progress.advance("layer.tar", 10_000_000, 40_000_000, "bytes")
        time.sleep(0.2)
        progress.advance("layer.tar", 20_000_000, 40_000_000, "bytes")
        clear_passing()

    last = terminal.getvalue().split(CLEARED)[-2]
    found = re.search(
        r"\[#{10}-{10}\]  50%, 20.0 of 40.0 MB, ([\d.]+) MB/s, (\d+) s left: layer.tar", last
    )
    assert found, last
    assert float(found[1]) <= 50


def test_failed_gate_leaves_its_output_at_a_terminal(floe: Floe) -> None:
    (floe.folder / "broken").touch()

    code, written = floe.screen("promote", "v1.0.0", "staging")

    lines = visible(written)
    assert code == 8
    assert lines[0].startswith("… tests: failed in ")
    assert lines[1] == "  | seen"
    assert "\x1b[31mfailed\x1b[0m in " in written


def test_quiet_leaves_only_the_answer(floe: Floe) -> None:
    planned = ("promote", "v1.0.0", "staging", "--dry-run", "--run-gates")
    loud, quiet = floe.run(*planned), floe.run(*planned, "--quiet")
    _, screen = floe.screen("promote", "v1.0.0", "staging", "-q")

    assert "… tests: running" in loud.err
    assert (quiet.code, quiet.err) == (0, "")
    assert screen.startswith("Promoted v1.0.0")
    assert CLEARED not in screen


def test_quiet_shows_the_output_of_a_failed_gate(floe: Floe) -> None:
    (floe.folder / "broken").touch()

    refused = floe.run("promote", "v1.0.0", "staging", "-q")

    assert refused.code == 8
    assert "running" not in refused.err
    assert "  | seen\n" in refused.err


def test_answers_say_what_is_replaced(tmp_path: Path) -> None:
    for version in ("v1.0.0", "v1.1.0"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
    floe = Floe.on("oci-layout:./registry", tmp_path)

    first = floe.run("promote", "v1.0.0", "staging")
    planned = floe.run("promote", "v1.1.0", "staging", "--dry-run")
    second = floe.run("promote", "v1.1.0", "staging", "-o", "json").document
    again = floe.run("promote", "v1.1.0", "staging")
    back = floe.run("rollback", "v1.0.0", "staging", "INC-1", "--dry-run")
    done = floe.run("rollback", "v1.0.0", "staging", "INC-1")

    assert "\n  staging: nothing → v1.0.0\n" in first.out
    assert planned.out.splitlines()[1] == "  staging: v1.0.0 → v1.1.0"
    assert (second["previous_version"], second["artifact_digest"]) == (
        "v1.0.0",
        str(image(b"v1.1.0").manifest.digest),
    )
    assert "→" not in again.out
    assert back.out.splitlines()[:2] == [
        "[DRY RUN] Would rollback staging to v1.0.0",
        "  staging: v1.1.0 → v1.0.0",
    ]
    assert done.out.splitlines()[1] == "  staging: v1.1.0 → v1.0.0"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "shown"), [("abcdefghijkl", "abcdefghi"), ("検査中です", "検査中で")]
)
def test_passing_line_is_cut_by_columns(
    monkeypatch: pytest.MonkeyPatch, text: str, shown: str
) -> None:
    for name, value in (("COLUMNS", "10"), ("NO_COLOR", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)

    with redirect_stderr(Terminal()) as screen:
        show_passing(text)
        clear_passing()

    assert screen.getvalue() == f"{CLEARED}{shown}{CLEARED}"
