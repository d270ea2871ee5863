"""Break-glass on the command line: its rights, the skipped rules and the review."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.issuer import Issuer, issuer
from demo.seed import Layout
from tests.scenarios.commands import Finished, Floe

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion:
    environments:
      - name: dev
      - {name: staging, %(lock)s}
      - name: prod
        authorization: {allowed_groups: [developers, release-managers]}
        approvals: {required: 1, groups: [release-managers], rollback: true}
    windows: [%(windows)s]
    break_glass: {groups: [sre], review: {within: %(within)s, groups: [release-managers]}}
identity:
  groups: {sre: [alice@acme.com]}
  oidc: [{issuer: "%(issuer)s", audience: floe}]
"""
_NOW = datetime.now(UTC)
CLOSED = (
    "{name: freeze, kind: deny, environments: [prod], reason: books, "
    f"dtstart: {_NOW - timedelta(1):%Y%m%dT%H%M%S}Z, dtend: {_NOW + timedelta(2):%Y%m%dT%H%M%S}}}"
)
GLASS = ("--break-glass", "--incident", "INC-42", "--reason", "checkout is down")


class Team:
    def __init__(self, folder: Path, people: Issuer) -> None:
        self._folder, self._people = folder, people
        layout = Layout(folder / "registry")
        for number in range(3):
            layout.publish(f"v1.{number}.0", {"release": number})
        self.configure()

    def configure(self, within: str = "24h", lock: str = "gates: {}", windows: str = "") -> None:
        values = {"within": within, "lock": lock, "windows": windows, "issuer": self._people.url}
        (self._folder / "manifest.yaml").write_text(MANIFEST % values)

    def run(self, who: str, *words: str) -> Finished:
        token = self._people.token(f"{who}@acme.com")
        return Floe(self._folder, {"FLOE_ID_TOKEN": token}).run("platform", *words)

    def promote(self, version: str, *words: str, who: str = "alice", to: str = "prod") -> Finished:
        return self.run(who, "promote", version, "--to", to, *words, "--output", "json")

    def staged(self, *versions: str) -> None:
        for version in versions:
            assert self.promote(version, to="staging").code == 0


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with issuer() as people:
        yield Team(tmp_path, people)


def test_break_glass_skips_approvals_windows_and_locks_and_is_reviewed(team: Team) -> None:
    team.staged("v1.0.0")
    team.configure(windows=CLOSED)
    team.run("bob", "lock", "--env", "prod", "--reason", "load test")

    done = team.promote("v1.0.0", *GLASS)
    record = done.document["promotion_id"]
    [open_here] = team.run("bob", "status", "--env", "prod", "--output", "json").document
    shown = team.run("bob", "status").out
    own = team.run("alice", "review", record, "--reason", "was fine")
    stranger = team.run("carol", "review", record, "--reason", "was fine")
    reviewed = team.run("bob", "review", record, "--reason", "needed", "--output", "json")
    again = team.run("bob", "review", record, "--reason", "needed")
    history = team.run("bob", "audit", "history", "--output", "json").document["records"]
    verified = team.run("bob", "audit", "verify")

    assert (done.code, done.document["outcome"]) == (0, "promoted"), done.err
    said = "\n".join(done.document["warnings"])
    assert "Break-glass for INC-42 by alice@acme.com (group sre)" in said
    assert "load test" in said
    assert "Window 'freeze' of prod does not stop a break-glass" in said
    glass = next(each for each in history if each.get("promotion_id") == record)["break_glass"]
    assert (glass["incident"], glass["reason"]) == ("INC-42", "checkout is down")
    assert (glass["via"], glass["skipped"]) == ("group sre", ["approvals", "lock", "window"])
    assert [each["record"] for each in open_here["reviews"]] == [record]
    assert f"floe platform review {record} --reason" in shown
    assert (own.code, "Another verified person" in own.err) == (12, True)
    assert (stranger.code, "may not review" in stranger.err) == (12, True)
    assert (reviewed.code, reviewed.document["accepted"]) == (0, True), reviewed.err
    assert (again.code, "has no open review" in again.err) == (2, True)
    assert verified.code == 0, verified.out


def test_overdue_review_blocks_only_the_next_break_glass(team: Team) -> None:
    team.configure(within="1s")
    team.staged("v1.0.0", "v1.1.0")
    first = team.promote("v1.0.0", *GLASS)
    time.sleep(1)

    blocked = team.promote("v1.1.0", *GLASS)
    normal = team.promote("v1.1.0")
    unreviewed = team.run("bob", "audit", "verify", "--env", "prod")
    objected = team.run(
        "bob", "review", first.document["promotion_id"], "--object", "--reason", "ask first"
    )
    after = team.promote("v1.1.0", *GLASS)

    assert first.code == 0
    assert (blocked.code, blocked.document["error"]["reason_code"]) == (12, "review_overdue")
    assert "INC-42 in prod by alice@acme.com" in blocked.document["error"]["message"]
    assert normal.code == 14
    assert unreviewed.code != 0
    assert "The break-glass for INC-42 by alice@acme.com was not reviewed" in unreviewed.out
    assert (objected.code, "objected to" in objected.out) == (0, True), objected.err
    assert after.code == 0, after.err


def test_break_glass_is_for_named_groups_and_never_skips_other_rules(team: Team) -> None:
    team.staged("v1.0.0")
    team.configure(lock="lock: {locked: true, reason: moved, locked_by: bob}")

    stranger = team.promote("v1.0.0", *GLASS, who="carol")
    untested = team.promote("v1.2.0", *GLASS)
    fixed = team.promote("v1.1.0", *GLASS, to="staging")

    assert (stranger.code, "Required groups: [sre]" in stranger.document["error"]["message"]) == (
        12,
        True,
    )
    assert untested.code == 3
    assert (fixed.code, fixed.document["error"]["reason_code"]) == (13, "environment_locked")


def test_rollback_by_break_glass_needs_no_approval(team: Team) -> None:
    team.staged("v1.0.0", "v1.1.0")
    assert team.promote("v1.0.0", *GLASS).code == 0
    assert team.promote("v1.1.0", *GLASS).code == 0

    asked = team.run("alice", "rollback", "v1.0.0", "--env", "prod", "--reason", "5xx")
    done = team.run("alice", "rollback", "v1.0.0", "--env", "prod", *GLASS, "--output", "json")

    assert (asked.code, done.code) == (14, 0), done.err
    assert team.run("bob", "audit", "verify").code == 0


@pytest.mark.parametrize("words", [("--break-glass",), ("--incident", "INC-1")])
def test_break_glass_names_its_incident(team: Team, words: tuple[str, ...]) -> None:
    refused = team.promote("v1.0.0", *words, "--reason", "why", to="staging")

    assert (refused.code, "names its incident" in refused.document["error"]["message"]) == (2, True)


def test_blank_incident_is_no_break_glass(team: Team) -> None:
    blank = ("--incident", "  ")

    first = team.promote("v1.0.0", *blank, to="staging")
    second = team.promote("v1.1.0", "--reason", "", *blank, to="staging")
    back = team.run(
        "alice", "rollback", "v1.0.0", "--env", "staging", "--reason", "5xx", *blank, "--dry-run"
    )

    assert (first.code, second.code) == (0, 0), first.err
    assert (back.code, "reak-glass" in back.out) == (0, False), back.err
