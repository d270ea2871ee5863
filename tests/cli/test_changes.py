"""Approvals on the command line: requested, decided by another person, followed by a script."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.issuer import Issuer, issuer
from demo.seed import Layout
from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Finished, Floe, finish

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion:
    environments:
      - name: dev
      - name: staging
        authorization: {allowed_groups: [developers, release-managers]}
        approvals: {required: 1, groups: [release-managers]}
identity:
  oidc: [{issuer: "%s", audience: floe}]
"""


JSON = ("--output", "json")
PROMOTE = ("platform", "promote", "v1.0.0", "--to", "staging", *JSON)


class Team:
    """Alice requests, Bob decides; both have tokens of a real issuer."""

    def __init__(self, folder: Path, people: Issuer) -> None:
        layout = Layout(folder / "registry")
        layout.publish("v1.0.0", {"release": 0})
        layout.publish("v2.0.0", {"release": 1})
        (folder / "manifest.yaml").write_text(MANIFEST % people.url)
        self.alice = Floe(folder, {"FLOE_ID_TOKEN": people.token("alice@acme.com")})
        self.bob = Floe(folder, {"FLOE_ID_TOKEN": people.token("bob@acme.com")})
        # A member of no group.
        self.carol = Floe(folder, {"FLOE_ID_TOKEN": people.token("carol@acme.com")})

    def ask(self, version: str = "v1.0.0", *options: str) -> Finished:
        command = ("platform", "promote", version, "--to", "staging", "--output", "json")
        return self.alice.run(*command, *options)

    def start_waiting(self) -> "subprocess.Popen[bytes]":
        """Start a command that waits for approval, and return once it waits."""
        command = ("platform", "promote", "v1.0.0", "--to", "staging", "--output", "json")
        process = self.alice.start(*command, "--wait", "1m")
        assert process.stderr is not None
        while b"waiting" not in (line := process.stderr.readline()):
            assert line, "the command ended before it waited"
        return process

    def request_prod(self, version: str = "v1.0.0") -> str:
        return str(self.ask(version).document["change_id"])


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with issuer() as people:
        yield Team(tmp_path, people)


def test_request_waits_with_exit_14_and_shows_the_next_step(team):
    ended = team.ask()

    document = ended.document
    assert (ended.code, document["outcome"]) == (14, "pending")
    assert document["error"]["reason_code"] == "approval_pending"
    assert f"floe platform approve {document['change_id']}" in document["error"]["message"]
    assert document["gate_results"][0]["status"] == "passed"


@pytest.mark.requirement("FR-046")
def test_operator_without_rights_does_not_join_an_open_change(team):
    open_change = team.request_prod()

    joined = team.carol.run(*PROMOTE, "--wait", "30s")

    assert joined.code == 12
    assert joined.document["change_id"] != open_change
    assert "'carol@acme.com' is not authorized to promote to 'staging'" in joined.err + joined.out
    on_record = team.carol.run("platform", "audit", "history", "--kind", "refusal", *JSON).document
    assert [(r["rule"], r["operator"]) for r in on_record["records"]] == [
        ("authorization", "carol@acme.com")
    ]


@pytest.mark.requirement("FR-007")
def test_dry_run_lists_the_required_approvals_with_exit_0(team):
    command = ("platform", "promote", "v1.0.0", "--to", "staging", "--dry-run")

    shown = team.alice.run(*command)
    as_json = team.alice.run(*command, "--output", "json")

    assert (shown.code, as_json.code) == (0, 0)
    assert "Approvals needed: 1\n" in shown.out
    assert "Promotion would succeed" in shown.out
    assert as_json.document["approvals_missing"] == 1


@pytest.mark.requirement("FR-033")
def test_repeated_request_gets_the_recorded_trace_id(team):
    first = team.ask("v1.0.0").document
    again = team.ask("v1.0.0").document

    assert again["change_id"] == first["change_id"]
    assert again["trace_id"] == first["trace_id"]


@pytest.mark.requirement("FR-033")
def test_decision_shows_the_trace_id_of_the_change(team):
    first = team.ask("v1.0.0").document
    rejected = team.bob.run("platform", "reject", first["change_id"], "--reason", "not today")
    second = team.ask("v1.0.0").document
    cancelled = team.alice.run("platform", "cancel", second["change_id"])

    assert f"Trace ID: {first['trace_id']}\n" in rejected.out
    assert f"Trace ID: {second['trace_id']}\n" in cancelled.out


def test_another_person_approves_and_the_record_says_so(team):
    change = team.request_prod()

    alone = team.alice.run("platform", "approve", change)
    done = team.bob.run(
        "platform", "approve", change, "--reason", "looked at it", "--output", "json"
    )

    assert (alone.code, "requested" in alone.err) == (12, True)
    assert (done.code, done.document["state"]) == (0, "promoted")
    history = team.bob.run("platform", "audit", "history", "--output", "json").document
    [record] = [r for r in history["records"] if r["kind"] == "promotion"]
    assert record["promotion_id"] == done.document["record_id"]
    assert [given["operator"] for given in record["approvals"]] == ["bob@acme.com"]


def test_rejection_ends_waiting_commands_with_exit_15(team):
    change = team.request_prod()
    waiting = team.start_waiting()

    rejected = team.bob.run("platform", "reject", change, "--reason", "not on a Friday")
    waited = finish(waiting)

    assert (rejected.code, waited.code) == (0, 15)
    assert "not on a Friday" in waited.document["error"]["message"]


def test_waiting_ends_with_the_promotion_after_approval(team):
    change = team.request_prod()
    waiting = team.start_waiting()

    team.bob.run("platform", "approve", change)
    waited = finish(waiting)

    assert (waited.code, waited.document["outcome"]) == (0, "promoted")


def test_waiting_without_a_decision_ends_with_exit_14(team):
    assert team.ask("v1.0.0", "--wait", "1s").code == 14


def test_newer_version_supersedes_and_both_are_listed(team):
    older = team.request_prod("v1.0.0")
    newer = team.request_prod("v2.0.0")

    shown = team.bob.run("platform", "changes", "--all", "--output", "json").document["changes"]

    assert [(c["change_id"], c["state"]) for c in shown] == [
        (newer, "awaiting_approval"),
        (older, "superseded"),
    ]
    assert team.bob.run("platform", "approve", older).code == 15


def test_superseding_another_requesters_change_is_a_warning_in_every_output(team):
    older = team.request_prod("v1.0.0")
    promote = ("platform", "promote", "v2.0.0", "--to", "staging")

    newer = team.bob.run(*promote, "--output", "json")
    again = team.alice.run(*promote)

    warning = f"Change {older} is superseded: v1.0.0, requested by alice@acme.com"
    assert [w for w in newer.document["warnings"] if w.startswith(warning)] != []
    assert newer.err.count(f"WARNING: {warning}") == 1
    assert f"WARNING: {warning}" in again.err


def test_status_shows_open_changes(team):
    change = team.request_prod()

    as_json = {
        row["environment"]: [each["change_id"] for each in row["pending"]]
        for row in team.bob.run("platform", "status", "--output", "json").document
    }
    shown = team.bob.run("platform", "status").out

    assert as_json == {"dev": [], "staging": [change]}
    assert f"promoting v1.0.0: awaiting approval, 0 of 1 approvals ({change})" in shown

    team.bob.run("platform", "approve", change)

    [row] = team.bob.run("platform", "status", "--env", "staging", "--output", "json").document
    assert row["pending"] == []


def test_status_omits_stale_changes_and_lifted_locks(team, tmp_path):
    change = team.request_prod()
    locked = team.alice.run("platform", "lock", "--env", "staging", "--reason", "INC-7", *JSON)
    before = team.alice.run("platform", "status").out
    assert locked.code == 0
    assert "INC-7" in before
    assert change in before

    oci_layout.write(tmp_path / "registry", image(b"another"), "v1.0.0-dev")
    unlocked = team.alice.run("platform", "unlock", "--env", "staging", "--reason", "done", *JSON)
    approved = team.bob.run("platform", "approve", change, *JSON)

    after = team.alice.run("platform", "status", *JSON).document[1]
    assert (unlocked.code, approved.document["error"]["reason_code"]) == (0, "stale")
    assert (after["locked"], after["pending"]) == (False, [])


def test_status_without_changes_creates_no_store(team, tmp_path):
    ended = team.bob.run("platform", "status", "--output", "json")

    assert [row["pending"] for row in ended.document] == [[], []]
    assert not (tmp_path / ".floe").exists()


def test_request_is_cancelled(team):
    change = team.request_prod()

    taken = team.bob.run("platform", "cancel", change, "--reason", "rebuilt", "--output", "json")

    assert (taken.code, taken.document["ended"]["message"]) == (
        0,
        "Cancelled by bob@acme.com: rebuilt",
    )
    assert "No change is in flight" in team.alice.run("platform", "changes").out


@pytest.mark.parametrize("verb", [("approve",), ("reject", "--reason", "no"), ("cancel",)])
def test_unknown_change_is_exit_2_and_one_json_document(team, verb):
    command, *options = verb
    ended = team.bob.run("platform", command, "c-none", *options, "--output", "json")

    assert ended.code == 2
    assert "Change 'c-none' not found" in json.loads(ended.out)["error"]["message"]


def test_changes_outside_their_directory_are_a_usage_error(team, tmp_path):
    """Test in a fresh checkout, as in CI: no person could approve a change stored there."""
    text = (tmp_path / "manifest.yaml").read_text()
    away = text.replace("oci-layout:./registry", "oci://127.0.0.1:9/acme/platform")
    (tmp_path / "manifest.yaml").write_text(away)

    ended = team.bob.run("platform", "changes")

    assert ended.code == 2
    assert ".floe, which does not exist here" in ended.err
