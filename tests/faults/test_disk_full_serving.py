"""
A server with a full state directory reports failures once in Slack, on the page and to clients.
"""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx
import pytest

from demo.issuer import issuer
from engine.domain.change import Change, ChangeState
from tests.bot.stage import ALICE as ALICE_IN_SLACK
from tests.bot.stage import BOB, Stage, block_ids, stage_in
from tests.builders import image
from tests.cli.serving import ROOT, Serving, serving, write_manifest
from tests.faults.small_disk import SmallDisk, disk_for
from tests.faults.team import ALICE
from tests.peers import oci_layout

pytestmark = [pytest.mark.requirement("NFR-004"), pytest.mark.timeout(300)]
_PATIENCE_SECONDS = 3.0
# The services that all servers lose together.
_SHARED = "exclude=registry&exclude=store&exclude=sign_in&exclude=slack"
_FULL = "the disk is full: free some space and repeat"


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    """The disk of the state; the registry has room."""
    with disk_for(request.node, tmp_path / ".floe", "size=4m") as mounted:
        yield mounted


def in_state(stage: Stage, version: str, state: ChangeState) -> list[Change]:
    return [c for c in stage.platform.store.recent(50) if (c.version, c.state) == (version, state)]


def ask_until(stage: Stage, version: str, state: ChangeState, ask: Callable[[], object]) -> Change:
    """Return the change of `version` in `state`, and ask again while nothing happens."""
    asked = time.monotonic()

    def look() -> Change | None:
        nonlocal asked
        if time.monotonic() > asked + _PATIENCE_SECONDS:
            asked = time.monotonic()
            ask()
        return next(iter(in_state(stage, version, state)), None)

    return stage.eventually(look, 60)


def test_slack_request_on_a_full_disk_is_refused_or_done_and_reported_once(
    disk: SmallDisk, tmp_path: Path
) -> None:
    not_kept = 0
    with stage_in(tmp_path) as stage:
        for blocks in (0, 2, 6, 12, 24):
            version = f"v3.0.{blocks}"
            stage.publish(version)
            stage.promote_elsewhere(version, "staging")
            disk.fill(blocks)
            answer = stage.command(f"/promote {version} prod")
            assert answer.status == 200
            not_kept += _FULL in str(answer.body)
            disk.free()
            change = ask_until(
                stage,
                version,
                ChangeState.AWAITING_APPROVAL,
                partial(stage.command, f"/promote {version} prod"),
            )
            stage.eventually(partial(stage.find_approval_request, change), 60)
            disk.fill(blocks)
            stage.click("floe_approve", change.id, BOB)
            disk.free()
            done = ask_until(
                stage,
                version,
                ChangeState.PROMOTED,
                partial(stage.click, "floe_approve", change.id, BOB),
            )
            stage.eventually(partial(posts, stage, done, "end"), 60)

            assert [len(posts(stage, done, part)) for part in ("root", "ask", "end")] == [1, 1, 1]
        prod = stage.platform.engine.history("prod", 100)
        print(f"Slack on a full disk: {not_kept} refused, {len(prod)} promoted")
        assert len(prod) == 5
        assert not_kept


def test_accepted_request_whose_answer_failed_is_resumed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with stage_in(tmp_path) as stage, closing(sqlite3.connect(tmp_path / ".floe/bot.db")) as db:
        db.execute("ALTER TABLE answers RENAME TO elsewhere")
        assert stage.command("/promote v9.9.9 prod").status == 200
        stage.eventually(lambda: "promote is retried" in caplog.text)
        db.execute("ALTER TABLE elsewhere RENAME TO answers")

        stage.eventually(lambda: stage.private_texts(ALICE_IN_SLACK), 60)

        assert ["v9.9.9" in text for text in stage.private_texts(ALICE_IN_SLACK)] == [True]


def posts(stage: Stage, change: Change, part: str) -> list[object]:
    """Return the Slack messages about `part` of a change."""
    return [m for m in stage.slack.messages if block_ids(m)[0] == f"{change.id}:{part}"]


def test_client_on_a_full_disk_gets_an_error_and_can_repeat(
    disk: SmallDisk, tmp_path: Path
) -> None:
    registry = tmp_path / "registry"
    oci_layout.write(registry, image(b"one"), "v1.0.0-dev")
    with issuer() as people:
        write_manifest(tmp_path, f"oci-layout:{registry}", people.url)
        with serving(tmp_path) as server:
            token = people.token(ALICE)
            alice = server.client(tmp_path / "alice", token)
            disk.fill()
            refused = alice.promote("v1.0.0", "staging")
            pages = ("", "api/v1/status", "readyz", f"readyz?{_SHARED}")
            looked = {path: ask(server, path) for path in pages}
            shown = alice.run("platform", "status", "--output", "json")
            disk.free()
            done = alice.promote("v1.0.0", "staging")
            after = ask(server, "readyz")
        log = (tmp_path / "serve.log").read_text()

    assert (refused.code, refused.document["error"]["reason_code"]) == (5, "store_unavailable")
    assert _FULL in refused.document["error"]["message"]
    assert [*looked.values()] == [200, 200, 503, 503], looked
    assert shown.code == 0
    assert (done.code, after) == (0, 200)
    assert "Traceback" not in log


def ask(server: Serving, path: str) -> int:
    return httpx.get(f"{server.url}/{path}", timeout=60).status_code


def test_server_does_not_start_on_a_full_disk_and_names_the_reason(
    disk: SmallDisk, tmp_path: Path
) -> None:
    oci_layout.write(tmp_path / "registry", image(b"one"), "v1.0.0-dev")
    write_manifest(tmp_path, f"oci-layout:{tmp_path}/registry", "http://127.0.0.1:9")
    disk.fill()

    command = [sys.executable, "-c", "from cli.main import main; main()", "serve", "--port", "0"]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert ended.returncode in (2, 5), ended
    assert ended.stderr.startswith("Not started: "), ended.stderr
    assert ended.stderr.count("\n") == 1
    assert f"{disk.path}/" in ended.stderr
    assert "free some space and repeat" in ended.stderr
