"""The content of every page, without JavaScript."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.adapters.registry.layout.files import locked
from tests.builders import image
from tests.web.stage import ALICE, BOB, Stage, person, stage_in

pytestmark = pytest.mark.requirement("WB-001")


def promoted_to_prod(stage: Stage, version: str = "v1.0.0") -> str:
    """Promote `version` to prod, and return the change."""
    stage.publish(version)
    assert stage.ask(version, "staging").state.value == "promoted"
    change = stage.ask(version, "prod")
    stage.platform.changes.approve(change.id, person(stage.platform, BOB), "cli")
    assert stage.settle(change.id).state.value == "promoted"
    return change.id


def refresh(stage: Stage) -> None:
    """Update the record copy before the page is requested."""
    site = stage.site
    site.records.refresh()
    site.board.expire()


def test_empty_installation_shows_the_first_steps(stage: Stage) -> None:
    page = stage.get("/")

    assert "Builds publish into it" in page
    assert "Nothing promoted yet" in page
    assert "floe platform promote v1.2.3 --to staging" in page
    assert "No records yet" in stage.get("/history")
    assert "Nothing is in flight" in stage.get("/changes")


def test_first_page_shows_running_versions_and_times(stage: Stage) -> None:
    promoted_to_prod(stage)
    refresh(stage)

    page = stage.get("/")

    digest = image(b"v1.0.0").manifest.digest.hex[:12]
    assert page.count(f">{digest}</code>") == 2
    assert page.index("staging</a></h2>") < page.index("prod</a></h2>")
    assert ALICE in page
    assert "Updated" in page


def test_badges_describe_blockers_in_words(stage: Stage) -> None:
    promoted_to_prod(stage)
    stage.publish("v1.1.0")
    stage.ask("v1.1.0", "staging")
    change = stage.ask("v1.1.0", "prod")
    stage.lock("staging", "INC-7: checkout is slow", "2h")
    stage.publish("v9.0.0", artifact=image(b"v9.0.0"))
    move_latest(stage.folder, "latest-prod", image(b"v9.0.0").manifest.digest.value)
    refresh(stage)

    page = stage.get("/")

    assert ">→ v1.1.0 awaiting 1 of 1</a>" in page
    assert "awaiting 1 of 1 from release-managers" in page
    assert f'href="/changes/{change.id}"' in page
    # The badge shows the date too if the lock ends on another day.
    assert re.search(rf"locked by {ALICE} until (\d{{4}}-\d\d-\d\d )?\d\d:\d\d UTC", page)
    assert ">drifted<" in page
    assert ">behind 1<" in page
    assert "INC-7: checkout is slow" in page


def move_latest(folder: Path, tag: str, digest: str) -> None:
    """Move `latest` as a person with an editor can in a layout."""
    index = folder / "registry" / "index.json"
    # A refusal may be recorded at this moment, which would undo the edit.
    with locked(folder / "registry"):
        text = index.read_text()
        found = re.search(r'\{[^{}]*"annotations":\s*\{[^{}]*"' + tag + r'"[^{}]*\}[^{}]*\}', text)
        assert found, text
        moved = re.sub(r"sha256:[0-9a-f]{64}", digest, found[0], count=1)
        index.write_text(text.replace(found[0], moved))


def test_problems_come_first_with_their_reason(stage: Stage) -> None:
    stage.publish("v1.0.0")
    stage.ask("v1.0.0", "staging")
    refused = stage.ask("v1.0.0", "prod", "mallory@acme.com")
    refresh(stage)

    page = stage.get("/")

    assert refused.state.value == "blocked"
    assert page.index("Problems") < page.index("Latest events")
    assert f'href="/changes/{refused.id}"' in page
    assert "is not authorized to promote to" in page


def test_history_shows_approvers_and_active_time(stage: Stage) -> None:
    change = promoted_to_prod(stage)
    promoted_to_prod(stage, "v1.1.0")
    stage.roll_back("v1.0.0", "prod", "INC-9: 5xx")

    page = stage.get("/history")

    assert BOB.replace("@", "<wbr>@") in page
    assert "INC-9: 5xx" in page
    assert "rolled back" in page
    assert f'href="/changes/{change}"' in page
    assert page.count(">live<") >= 2
    assert "was here" in page


def test_filters_are_in_the_address(stage: Stage) -> None:
    promoted_to_prod(stage)
    promoted_to_prod(stage, "v1.1.0")
    stage.lock("prod", "INC-3")

    locks = stage.get("/history?kind=lock")
    versions = stage.get("/history?version=v1.1.0&environment=prod")

    assert records(locks) == ["lock prod"]
    assert records(versions) == ["staging → prod"]
    assert 'value="v1.1.0"' in versions
    assert "No matching records" in stage.get("/history?operator=nobody")


def records(page: str) -> list[str]:
    """Return the `Event` of every record on a page of the history."""
    table = page[page.rindex("<tbody") :]
    return re.findall(r'<td role="cell" class="event">([^<]+?)(?: <span|</td>)', table)


def test_history_pages_are_consecutive(stage: Stage) -> None:
    stage.publish(*(f"v1.0.{n}" for n in range(5)))
    for number in range(5):
        stage.ask(f"v1.0.{number}", "staging")

    first = stage.get("/history?limit=3")
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    second = stage.get(older[1].replace("&amp;", "&") + "&limit=3")

    assert (len(records(first)), len(records(second))) == (3, 2)
    assert 'rel="next"' not in second


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("environment=moon", "is not an environment"),
        ("version=latest", "is not a version"),
        ("since=whenever", "is not a time"),
        ("after=here", "is not a history cursor"),
        ("limit=0", "limit must be 1 to"),
        ("kind=party", "is not a kind of record"),
    ],
)
def test_invalid_filter_is_refused_with_the_reason(stage: Stage, query: str, said: str) -> None:
    answer = stage.client.get(f"/history?{query}")

    assert answer.status_code == 400
    assert said in answer.text


def test_change_page_shows_the_whole_timeline(stage: Stage) -> None:
    change = promoted_to_prod(stage)
    refresh(stage)

    page = stage.get(f"/changes/{change}")

    for said in ("Tests", "passed", "requested", "approved", BOB, TRACE_TEXT, "no. 1 of prod"):
        assert said in page, said
    assert "linked from the head" in page
    assert "ran</pre>" in page or "ran\n</pre>" in page


TRACE_TEXT = "a" * 32


def test_change_page_shows_the_differences(stage: Stage) -> None:
    stage.publish("v1.0.0", artifact=image(b'{"a": 1, "b": 2}', layer_type="application/json"))
    stage.publish(
        "v1.1.0",
        artifact=image(
            b'{"a": "one"}', layer_type="application/json", annotations={"team": "payments"}
        ),
    )
    stage.ask("v1.0.0", "staging")
    change = stage.ask("v1.0.0", "prod")
    stage.platform.changes.approve(change.id, person(stage.platform, BOB), "cli")
    stage.settle(change.id)
    stage.ask("v1.1.0", "staging")
    waiting = stage.ask("v1.1.0", "prod")

    page = stage.get(f"/changes/{waiting.id}")

    assert "Removed field: b" in page
    assert "Changed type: a (int" in page
    assert "payments" in page
    assert "application/json #1" in page


def test_altered_record_copy_is_not_shown_as_proven(stage: Stage) -> None:
    change = promoted_to_prod(stage)
    refresh(stage)
    with closing(sqlite3.connect(stage.folder / ".floe" / "records.db")) as db, db:
        db.execute(f"UPDATE records SET digest = 'sha256:{'f' * 64}' WHERE environment = 'prod'")

    page = stage.get(f"/changes/{change}")

    assert "not in the ledger" in page
    assert "linked from the head" not in page


def test_audit_page_shows_whether_the_ledgers_verify(stage: Stage) -> None:
    promoted_to_prod(stage)

    page = stage.audit()

    assert page.count(">sound<") == 3
    assert "1 record proven by the head" in page


def test_every_record_can_be_downloaded_as_a_line(stage: Stage) -> None:
    promoted_to_prod(stage)

    answer = stage.client.get("/audit/records.jsonl")

    assert answer.mimetype == "application/jsonl"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert [line.split('"environment":"')[1][:4] for line in answer.text.splitlines()] == [
        "prod",
        "stag",
    ]


def test_environment_page_shows_lock_rules_and_records(stage: Stage) -> None:
    promoted_to_prod(stage)
    stage.lock("prod", "first line\nsecond line " + "x" * 500)
    refresh(stage)

    page = stage.get("/environments/prod")

    assert "first line\nsecond line " in page
    assert "1 from release-managers" in page
    assert records(page) == ["lock prod", "staging → prod"]


@pytest.mark.parametrize("path", ["/nowhere", "/changes/c-none", "/environments/moon"])
def test_missing_page_is_reported_as_not_found(stage: Stage, path: str) -> None:
    answer = stage.client.get(path)

    assert answer.status_code == 404
    assert "Back to the status" in answer.text


def test_first_page_is_small_and_loads_nothing_from_other_hosts(stage: Stage) -> None:
    promoted_to_prod(stage)

    page = stage.get("/")

    assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    total = len(page) + sum(len(stage.client.get(asset).data) for asset in assets)
    assert total < 100_000
    assert not re.findall(r'(?:href|src|action)="(?:https?:)?//', page)


def test_browsers_cache_static_files_only_under_their_digest(stage: Stage) -> None:
    [css] = re.findall(r'href="(/static/floe.css[^"]+)"', stage.get("/"))

    named = stage.client.get(css)
    bare = stage.client.get("/static/floe.css")

    assert "immutable" in named.headers["Cache-Control"]
    assert "max-age=0" in bare.headers["Cache-Control"]
    assert stage.client.get("/static/../app.py").status_code == 404
    assert stage.client.get("/static/%2e%2e%2fapp.py").status_code == 404


def test_damaged_record_copy_is_rebuilt(tmp_path: Path) -> None:
    with stage_in(tmp_path) as stage:
        promoted_to_prod(stage)
        stage.get("/history")
    (tmp_path / ".floe" / "records.db").write_bytes(b"not a database, whatever it says" * 100)

    with stage_in(tmp_path) as stage:
        page = stage.get("/history")

    assert records(page) == ["staging → prod", "dev → staging"]
