"""`floe` with freeze windows: a refusal, the next opening, and status; also on a server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

_NOW = datetime.now(UTC)


def _stamp(days: int) -> str:
    return f"{_NOW + timedelta(days=days):%Y%m%dT%H%M%S}"


CLOSED = (
    "{name: quarter-end, kind: deny, environments: [staging], reason: books, contact: '#finance', "
    f"dtstart: {_stamp(-1)}Z, dtend: {_stamp(2)}}}"
)
OPEN = (
    "{name: slots, kind: allow, environments: [prod], "
    f"dtstart: {_stamp(-1)}Z, dtend: {_stamp(5)}}}"
)
PATH = "environments: [{name: dev}, {name: staging}, {name: prod}]"


def floe_on(folder: Path, windows: str) -> Floe:
    oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
    return Floe.on("oci-layout:./registry", folder, f"{{{PATH}, windows: [{windows}]}}")


def test_promotion_in_a_closed_window_is_refused(tmp_path: Path) -> None:
    floe = floe_on(tmp_path, CLOSED)
    opens = _NOW + timedelta(days=2)
    until = f"{opens:%Y-%m-%d %H:%M} UTC"

    done = floe.promote("v1.0.0", "staging")

    assert done.code == 13
    error = done.document["error"]
    assert (error["type"], error["reason_code"]) == ("WindowClosedError", "window_closed")
    assert error["message"] == (
        "Environment 'staging' is closed by window 'quarter-end'. Reason: books. Contact: "
        f"#finance. Try again after {until}. Or have a server promote it then: --at "
        f"{opens:%Y-%m-%dT%H:%M:%S}+00:00"
    )
    assert not (tmp_path / "registry" / "blobs" / "none").exists()
    assert floe.run("platform", "status").out.count(f"closed until {until} by 'quarter-end'") == 1


def test_windows_command_shows_the_next_changes(tmp_path: Path) -> None:
    floe = floe_on(tmp_path, f"{CLOSED}, {OPEN}")

    text, answer = (floe.run("platform", "windows", *more) for more in ((), ("--output", "json")))

    assert (text.code, answer.code) == (0, 0)
    found = {each["environment"]: each["windows"] for each in answer.document["environments"]}
    assert found["dev"] == []
    (staging,), (prod,) = found["staging"], found["prod"]
    assert (staging["open"], staging["window"], staging["reason"]) == (
        False,
        "quarter-end",
        "books",
    )
    assert staging["opens_at"].startswith(f"{_NOW + timedelta(days=2):%Y-%m-%dT%H:%M}")
    assert (prod["open"], prod["window"]) == (True, None)
    assert prod["closes_at"].startswith(f"{_NOW + timedelta(days=5):%Y-%m-%dT%H:%M}")
    assert "quarter-end" in text.out and "prod" in text.out
    only = floe.run("platform", "windows", "--env", "prod", "--output", "json").document
    assert [each["environment"] for each in only["environments"]] == ["prod"]


def test_without_windows_no_answer_has_a_word_about_them(tmp_path: Path) -> None:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    floe = Floe.on("oci-layout:./registry", tmp_path)

    promoted, status = (
        floe.promote("v1.0.0", "staging"),
        floe.run("platform", "status", "--output", "json"),
    )

    assert "window" not in promoted.out and "window" not in status.out
    assert floe.run("platform", "windows").out == "No freeze windows\n"


def test_unreadable_calendar_closes_by_deny(tmp_path: Path) -> None:
    floe = floe_on(tmp_path, "{name: holidays, kind: deny, ics: missing.ics}")

    done = floe.promote("v1.0.0", "staging")

    assert done.code == 13
    assert (
        "Its calendar cannot be read: the file cannot be read (FileNotFoundError)"
        in (done.document["error"]["message"])
    )


def test_calendar_file_closes_during_its_events(tmp_path: Path) -> None:
    event = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n"
        f"DTSTART:{_stamp(-10)}Z\r\nDURATION:PT{{hours}}H\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\n"
        "END:VCALENDAR\r\n"
    )
    floe = floe_on(tmp_path, "{name: holidays, kind: deny, ics: holidays.ics}")

    codes = []
    for hours in (23, 0):
        # The event begins at this minute of each day.
        (tmp_path / "holidays.ics").write_text(event.format(hours=hours))
        codes.append(floe.promote("v1.0.0", "staging").code)

    assert codes == [13, 0]
