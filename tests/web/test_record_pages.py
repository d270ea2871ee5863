"""The history with its search and files, one record, and the explained audit."""

import csv
import json
import re
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest

from engine.bootstrap.server import Records
from engine.domain.audit import RemarkKind
from engine.domain.errors import StoreUnavailableError
from engine.domain.selection import Selection
from engine.domain.text import iso_time
from tests.peers import oci_layout
from tests.scenarios.commands import Floe
from tests.web.stage import ALICE, PROXY, Stage, stage_in
from tests.web.test_pages import promoted_to_prod, records
from web.audit_texts import MEANINGS
from web.formatting import moment

pytestmark = pytest.mark.requirement("WB-001")
FORMULA = '=HYPERLINK("https://evil.example","open me")'


@pytest.fixture
def past(stage: Stage) -> Stage:
    """Two versions in prod, and a lock whose reason is a formula."""
    promoted_to_prod(stage)
    promoted_to_prod(stage, "v1.1.0")
    stage.lock("prod", FORMULA)
    return stage


def rows(stage: Stage, query: str = "") -> list[dict[str, str]]:
    answer = stage.client.get(f"/history/records.csv{query}")
    assert answer.mimetype == "text/csv"
    assert "floe-records.csv" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(StringIO(answer.get_data(as_text=True), newline="")))


@pytest.mark.parametrize(
    ("text", "count"),
    [("V1.1", 2), ("ALICE@", 5), ("%", 0), ("_", 0), ("nobody", 0), ("bob@acme.com", 0)],
)
def test_search_finds_parts_of_versions_and_names(past: Stage, text: str, count: int) -> None:
    page = past.client.get("/history", query_string={"search": text}).text

    assert len(records(page)) == count if count else "No matching records" in page
    copied = past.site.records.store.page(Selection(search=text), 100)
    with_ledger = list(past.platform.engine.audit(Selection(search=text)))
    assert len(copied) == len(with_ledger) == count


def test_search_finds_digests_and_record_ids(past: Stage) -> None:
    newest = past.platform.engine.history("prod", 2)[1].record

    for text in (newest.id[:13], (newest.subject_digest or "")[:20]):
        assert len(records(past.get(f"/history?search={text}&environment=prod"))) == 1


def test_history_ends_before_a_time(past: Stage) -> None:
    later = (past.platform.engine.now() + timedelta(minutes=5)).isoformat().replace("+", "%2b")

    assert len(records(past.get(f"/history?until={later}"))) == 5
    assert "No matching records" in past.get("/history?until=1h")
    assert "is not a time" in past.client.get("/history?until=soon").text
    assert "200 characters" in past.client.get("/history?search=" + "a" * 201).text


def test_files_have_exactly_the_filtered_records(past: Stage) -> None:
    page = past.get("/history?environment=prod&kind=promotion&limit=1")
    links = re.findall(r'href="(/history/records[^"]+)"', page)

    for link in links:
        lines = past.client.get(link.replace("&amp;", "&")).text.splitlines()
        assert len(lines) == (3 if ".csv" in link else 2)
    assert len(links) == 2
    assert [(row["version"], row["event"]) for row in rows(past, "?kind=promotion&limit=1")] == [
        (version, event)
        for version in ("v1.1.0", "v1.0.0")
        for event in ("staging → prod", "dev → staging")
    ]
    assert "/history/records" not in past.get("/history?operator=nobody")


def test_csv_defuses_formulas(past: Stage) -> None:
    [locked] = rows(past, "?kind=lock")

    assert locked["reason"] == f"'{FORMULA}"
    assert (locked["environment"], locked["operator"], locked["version"]) == ("prod", ALICE, "")


def test_file_of_an_incomplete_copy_comes_from_the_ledgers(past: Stage) -> None:
    past.get("/history")
    past.site.records.fail(StoreUnavailableError("away"))
    past.site.records.store.forget("prod")

    assert len(rows(past)) == 5


def test_walk_stops_when_the_copy_is_replaced(past: Stage) -> None:
    past.get("/history")
    copy: Records = past.site.records
    walk = copy.walk(Selection())
    next(walk)
    copy.store.forget("prod")

    with pytest.raises(StoreUnavailableError, match="ledger of prod was replaced"):
        list(walk)


def test_broken_ledger_ends_the_file_with_the_error(past: Stage) -> None:
    past.site.records.fail(StoreUnavailableError("away"))
    for tag in ("floe-ledger.prod.1", "floe-ledger.prod.2"):
        oci_layout.lose(past.folder / "registry", tag)
    past.site.records.store.forget("prod")

    lines = past.client.get("/history/records.jsonl?environment=prod").text.splitlines()

    assert "error" in json.loads(lines[-1])
    assert rows(past, "?environment=prod")[-1]["time"].startswith(
        "ERROR: the export is not complete"
    )


def test_files_need_the_right_to_read(tmp_path: Path) -> None:
    with stage_in(tmp_path, PROXY) as stage:
        for place in ("/history/records.csv", "/environments/prod/records/1"):
            assert stage.client.get(place).location.startswith("/sign-in")


def test_record_has_a_page_with_the_commands_that_verify_it(past: Stage) -> None:
    entry = past.platform.engine.history("prod", 2)[1]

    page = past.get("/environments/prod/records/2")

    assert 'href="/environments/prod/records/2"' in past.get("/history")
    assert entry.digest.value in page and entry.record.id in page
    assert f"--env prod --anchor &#39;prod#2={entry.digest}&#39;" in page
    assert 'href="/diff/v1.0.0..v1.1.0"' in page
    assert "has no keys for the ledger" in page
    assert 'href="/environments/prod/records/1"' in page
    head = page.partition("<h1>")[2].partition("</div>")[0]
    assert f'<time datetime="{iso_time(entry.record.at)}">{moment(entry.record.at)}</time>' in head


def test_record_names_the_key_that_signed_it(tmp_path: Path) -> None:
    key = Floe(tmp_path).run("keys", "generate", "--out", "ledger.key")
    ledger = "ledger: {signing: {key: 'file:ledger.key'}}\nidentity:"
    with stage_in(tmp_path, edit=("identity:", ledger)) as stage:
        promoted_to_prod(stage)
        page = stage.get("/environments/prod/records/1")

    assert key.code == 0
    assert re.search(r">verified</span> The key <code>[^<]+</code> signed it", page)


@pytest.mark.parametrize("place", ["prod/records/4", "prod/records/0", "moon/records/1"])
def test_missing_record_is_not_found(past: Stage, place: str) -> None:
    assert past.client.get(f"/environments/{place}").status_code == 404


def test_audit_explains_each_verdict(past: Stage) -> None:
    page = past.audit()

    assert page.count("No entry was removed or altered") == 2
    assert "The ledger begins with the first promotion" in page
    assert "floe platform audit verify --env prod" in page


def test_audit_explains_each_problem_and_links_its_record(tmp_path: Path) -> None:
    with stage_in(tmp_path) as stage:
        promoted_to_prod(stage)
        promoted_to_prod(stage, "v1.1.0")
        oci_layout.untag(tmp_path / "registry", "floe-ledger.prod.1")
        page = stage.audit()

    assert "Do not rely on this ledger until" in page
    assert MEANINGS[RemarkKind.MISSING] in page
    assert 'href="/environments/prod/records/1"' in page


def test_every_kind_of_remark_is_explained() -> None:
    assert set(MEANINGS) == set(RemarkKind)
