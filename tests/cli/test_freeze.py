"""`floe platform lock` and `unlock` for people and scripts."""

import fcntl
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import UNGATED, Finished, Floe

TRUSTING = "identity: {trust_os_user: true}\n"
LOCK_FIELDS = {
    "success",
    "outcome",
    "lock_id",
    "anchor",
    "environment",
    "reason",
    "operator",
    "locked_at",
    "expires_at",
    "findings",
    "warnings",
    "trace_id",
    "error",
}
UNLOCK_FIELDS = LOCK_FIELDS - {"lock_id", "locked_at", "expires_at"} | {
    "unlock_id",
    "locked_by",
    "locked_reason",
    "authorized_via",
    "unlocked_at",
}


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """v1.0.0 is in dev."""
    floe = Floe.on("oci-layout:./registry", tmp_path)
    with (tmp_path / "manifest.yaml").open("a") as manifest:
        manifest.write(TRUSTING)
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    return floe


def lock(floe: Floe, *more: str) -> Finished:
    return floe.run("platform", "lock", "--env", "staging", "--reason", "INC-7", *more)


def unlock(floe: Floe, *more: str) -> Finished:
    return floe.run("platform", "unlock", "--env", "staging", "--reason", "over", *more)


@pytest.mark.requirement("FR-035")
@pytest.mark.requirement("FR-036")
def test_lock_is_reported_and_stops_promotions_with_exit_13(floe: Floe) -> None:
    done = lock(floe)
    stopped = floe.run("platform", "promote", "v1.0.0", "--to", "staging")

    assert done.code == 0, done.err
    assert done.out.startswith("Environment 'staging' is now locked\n  Reason: INC-7\n")
    assert (stopped.code, stopped.out) == (13, "")
    assert "Environment 'staging' is locked. Reason: INC-7. Locked by: " in stopped.err
    assert "Unlock: floe platform unlock --env staging" in stopped.err


@pytest.mark.requirement("FR-037")
def test_unlock_is_reported_and_allows_promotions(floe: Floe) -> None:
    lock(floe)

    done = unlock(floe)

    assert done.code == 0, done.err
    assert done.out.startswith("Environment 'staging' is now unlocked\n  Reason: over\n")
    assert "Because of: INC-7" in done.out
    assert floe.promote("v1.0.0", "staging").code == 0


@pytest.mark.requirement("FR-031")
def test_json_documents_are_complete(floe: Floe) -> None:
    locked = lock(floe, "--for", "1h30m", "--output", "json").document
    again = lock(floe, "--output", "json")
    unlocked = unlock(floe, "--output", "json").document
    nothing = unlock(floe, "--output", "json").document

    assert locked.keys() == again.document.keys() == LOCK_FIELDS
    assert unlocked.keys() == nothing.keys() == UNLOCK_FIELDS
    assert (locked["outcome"], unlocked["outcome"]) == ("locked", "unlocked")
    assert locked["lock_id"] and locked["locked_at"] < locked["expires_at"]
    assert (unlocked["locked_reason"], unlocked["authorized_via"]) == ("INC-7", "who locked")
    assert again.code == again.document["error"]["exit_code"] == 13
    assert "is locked already. Reason: INC-7" in again.document["error"]["message"]
    assert (again.document["success"], again.document["lock_id"]) == (False, None)
    assert (nothing["success"], nothing["outcome"], nothing["unlock_id"]) == (
        True,
        "unchanged",
        None,
    )


def test_unlocking_an_unlocked_environment_is_reported_with_exit_0(floe: Floe) -> None:
    done = unlock(floe)

    assert done.code == 0
    assert done.out.startswith("Unchanged: environment 'staging' is not locked\n")


@pytest.mark.requirement("FR-039")
def test_status_shows_the_lock_of_another_process(floe: Floe) -> None:
    lock(floe, "--for", "2h")

    shown = floe.run("platform", "status", "--env", "staging")

    assert "locked by " in shown.out
    assert "INC-7" in shown.out


@pytest.mark.requirement("FR-032")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lock", "--env", "staging"), "Missing option '--reason'"),
        (("unlock", "--reason", "x"), "Missing option '--env'"),
        (("lock", "--env", "qa", "--reason", "x"), "Environments: dev, staging, prod"),
        (("unlock", "--env", "qa", "--reason", "x"), "Environments: dev, staging, prod"),
        (("lock", "--env", "dev", "--reason", "x", "--for", "soon"), "is not a duration"),
        (("lock", "--env", "dev", "--reason", "x", "--for", "31d"), "from 1m to 30d"),
        (("unlock", "--env", "dev", "--reason", "x", "--for", "1h"), "No such option"),
        (("unlock", "--env", "dev", "--reason", ""), "the reason is empty"),
        (("lock", "--env", "dev", "--reason", "\udcff"), "not valid UTF-8"),
    ],
)
def test_invalid_arguments_are_exit_2_in_one_sentence(
    floe: Floe, arguments: tuple[str, ...], said: str
) -> None:
    done = floe.run("platform", *arguments, "--output", "json")

    assert done.code == 2
    assert said in done.document["error"]["message"]
    assert "Traceback" not in done.err


def test_hostile_reason_is_stored_verbatim_and_escaped_on_output(floe: Floe) -> None:
    hostile = "\x1b]0;owned\x07 \u202e\nEnvironment 'prod' is now unlocked"
    shown = floe.run("platform", "lock", "--env", "staging", "--reason", hostile)
    stopped = floe.run("platform", "promote", "v1.0.0", "--to", "staging")

    status = floe.run("platform", "status", "--env", "staging", "--output", "json")

    for text in (shown.out, stopped.err):
        assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
        assert "\\nEnvironment 'prod' is now unlocked" in text
    assert status.document[0]["lock"]["reason"] == hostile


def test_unverified_user_locks_and_unlocks_where_they_may_promote(tmp_path: Path) -> None:
    floe = Floe.on("oci-layout:./registry", tmp_path, UNGATED)
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")

    locked = lock(floe, "--output", "json")
    stopped = floe.promote("v1.0.0", "staging")
    unlocked = floe.run("platform", "unlock", "--env", "staging", "--reason", "over")

    assert (locked.code, stopped.code, unlocked.code) == (0, 13, 0)
    assert locked.document["operator"].startswith("os:")
    assert floe.promote("v1.0.0", "staging").code == 0


def test_refused_lock_names_the_unverified_identity(tmp_path: Path) -> None:
    guarded = "{environments: [{name: dev}, {name: staging, authorization: {}}]}"
    floe = Floe.on("oci-layout:./registry", tmp_path, guarded)
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")

    done = lock(floe, "--output", "json")

    message = done.document["error"]["message"]
    assert done.code == 12
    assert "is not verified: " in message
    assert "Required groups" not in message


@pytest.mark.requirement("FR-048")
def test_repeated_refusal_is_recorded_once(floe: Floe) -> None:
    lock(floe)
    for _ in range(3):
        assert floe.promote("v1.0.0", "staging").code == 13

    shown = floe.run("platform", "status", "--env", "staging", "--history", "9", "--output", "json")

    records = [record["kind"] for record in shown.document[0]["history"]]
    assert records == ["refusal", "lock"]
    with closing(sqlite3.connect(floe.folder / ".floe" / "store.db")) as db:
        assert db.execute("SELECT waiting FROM refusal_counts").fetchall() == [(2,)]


def test_answer_is_the_same_when_the_refusal_cannot_be_recorded(floe: Floe) -> None:
    lock(floe)
    recorded = floe.promote("v1.0.0", "staging")
    with closing(sqlite3.connect(floe.folder / ".floe" / "store.db")) as db:
        db.execute("DROP TABLE refusal_counts")

    counted_nowhere = floe.promote("v1.0.0", "staging")

    assert (counted_nowhere.code, counted_nowhere.err) == (recorded.code, recorded.err) == (13, "")
    errors = [each.document["error"] for each in (counted_nowhere, recorded)]
    # Each refused promotion is a change of its own.
    assert len({error["details"].pop("change_id") for error in errors}) == 2
    assert errors[0] == errors[1]


def test_busy_environment_delays_a_refusal_only_briefly(floe: Floe) -> None:
    lock(floe)
    manifest = floe.folder / "manifest.yaml"
    gated = "{name: staging, gates: {tests: {command: 'true'}}}"
    manifest.write_text(manifest.read_text().replace("{name: staging}", gated))
    lease = floe.folder / "registry" / ".floe" / "leases" / "staging.lease"

    with lease.open("a+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        started = time.monotonic()
        stopped = floe.promote("v1.0.0", "staging")

    assert stopped.code == 13
    assert time.monotonic() - started < 30
    shown = floe.run("platform", "status", "--env", "staging", "--history", "9", "--output", "json")
    assert [record["kind"] for record in shown.document[0]["history"]] == ["lock"]
