"""Freeze windows on the page and in the API."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.domain.change import ChangeState
from tests.bot.samples import approval, sample
from tests.web.stage import Stage, stage_in
from web.badges import waiting

_NOW = datetime.now(UTC)


def _stamp(hours: int) -> str:
    return f"{_NOW + timedelta(hours=hours):%Y%m%dT%H%M%S}"


# Staging is closed for two more hours, and prod from three hours on.
_WINDOWS = (
    f"{{name: audit, kind: deny, environments: [staging], reason: the books, "
    f"dtstart: {_stamp(-1)}Z, dtend: {_stamp(2)}}}, {{name: move, kind: deny, "
    f"environments: [prod], dtstart: {_stamp(3)}Z, duration: 1h}}"
)
PAGES = ("/", "/environments/staging", "/environments/prod")


def test_page_shows_until_when_an_environment_is_closed(tmp_path: Path) -> None:
    until = f"{_NOW + timedelta(hours=2):%Y-%m-%d %H:%M} UTC"
    closes = f"{_NOW + timedelta(hours=3):%Y-%m-%d %H:%M} UTC"
    with stage_in(
        tmp_path, edit=("gate_commands:", f"windows: [{_WINDOWS}]\n    gate_commands:")
    ) as stage:
        stage.publish("v1.0.0")
        change = stage.ask("v1.0.0", "staging")
        first, staging, prod = (stage.get(path) for path in PAGES)
        rows = {row["environment"]: row for row in stage.json("/api/v1/status")}

    assert change.state is ChangeState.BLOCKED
    assert f"closed until {until} by &#39;audit&#39;" in first
    assert f"closed until {until} by &#39;audit&#39;" in staging and "the books" in staging
    assert f"closes {closes}" in prod
    assert rows["staging"]["windows"][0]["window"] == "audit"
    assert "windows" not in rows["dev"]


def test_page_without_windows_has_no_word_about_them(stage: Stage) -> None:
    stage.publish("v1.0.0")
    stage.ask("v1.0.0", "staging")

    assert "<dt>Window" not in stage.get("/environments/staging")
    assert all("windows" not in row for row in stage.json("/api/v1/status"))


def test_approved_change_names_the_window_that_holds_it_back() -> None:
    held = sample(
        ChangeState.AWAITING_APPROVAL, required=1, approvals=(approval(),), closed_by="audit"
    )

    assert waiting(held) == "approved, closed by window 'audit'"
    assert waiting(held.model_copy(update={"closed_by": ""})).endswith("lock to end")
