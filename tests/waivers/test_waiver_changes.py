"""A waiver is a change with approvals, and the gates of its environment apply it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.audit.record_rules import judge_record
from engine.domain.audit import RemarkKind
from engine.domain.change import ChangeState
from engine.domain.errors import AuthorizationError, ConflictError, StaleError
from engine.domain.release_records import UnwaiveRecord, WaiveRecord
from tests.builders import image
from tests.checks.contexts import entry
from tests.conftest import Place
from tests.domain.records import APPROVED, AT, a_waiver
from tests.scenarios.changing import Stage, guarded
from tests.scenarios.engines import path_of, policy_of
from tests.waivers.kit import CVE, scan_gate, scanned_stage, unwaive, waive, waived


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    with scanned_stage(place, tmp_path / "work") as built:
        place.push(image(b"one"), "v1.0.0-dev")
        place.push(image(b"two"), "v1.1.0-dev")
        yield built


def test_vulnerability_blocks_until_its_waiver_is_approved(stage):
    assert stage.ask().state is ChangeState.BLOCKED

    asked = waive(stage)
    assert (asked.state, asked.required) == (ChangeState.AWAITING_APPROVAL, 1)
    assert stage.ask().state is ChangeState.BLOCKED

    done = stage.settle(stage.approve(asked))
    assert done.state is ChangeState.PROMOTED
    assert stage.ask().state is ChangeState.AWAITING_APPROVAL


def test_waiver_is_recorded_with_its_terms_and_approvals(stage):
    done = waived(stage, package="pkg:npm/lodash")

    [entry] = stage.engine.history("staging")
    record = entry.record
    assert isinstance(record, WaiveRecord)
    assert done.record_id == record.id
    assert done.anchor == entry.anchor
    assert record.terms.shown == f"{CVE} in pkg:npm/lodash until 2026-10-01"
    assert [given.operator for given in record.approvals] == ["bob"]
    assert record.reason == "not reachable"


def test_requester_cannot_approve_the_waiver(stage):
    asked = waive(stage)

    with pytest.raises(AuthorizationError, match="cannot also approve"):
        stage.approve(asked, "alice")


def test_person_who_may_not_promote_cannot_waive(stage):
    refused = waive(stage, who="bob")

    assert refused.state is ChangeState.BLOCKED
    assert "not authorized to waive a vulnerability in 'staging'" in refused.ended.message


def test_each_use_is_shown_and_recorded(stage):
    waived(stage)

    asked = stage.ask()
    used = f"1 waived until 2026-10-01 by alice: {CVE}, not reachable"
    assert used in asked.gate_results[1].error
    assert used in asked.warnings[0]
    done = stage.settle(stage.approve(asked))

    assert done.state is ChangeState.PROMOTED
    [newest, *_] = stage.engine.history("staging")
    [result] = [each for each in newest.record.gate_results if each.details.get("waived")]
    [use] = result.details["waived"]
    assert (use["waiver"], use["operator"], use["reason"]) == (CVE, "alice", "not reachable")
    assert use["findings"] == [f"CRITICAL {CVE} lodash 4.17.20"]
    assert result.security_summary.critical_count == 1
    assert result.security_summary.blocking_cves == ()


def test_expired_waiver_blocks_again(stage):
    waived(stage, until="2026-09-02")
    stage.later(days=2)

    assert stage.ask().state is ChangeState.BLOCKED


def test_unwaive_ends_a_waiver_early_and_is_recorded(stage):
    waived(stage)

    assert unwaive(stage) == "unwaived"
    assert unwaive(stage) == "unchanged"

    assert stage.ask().state is ChangeState.BLOCKED
    record = stage.engine.history("staging")[0].record
    assert isinstance(record, UnwaiveRecord)
    assert (record.vulnerability, record.waived_by) == (CVE, "alice")


@pytest.mark.parametrize("end", ["expired", "ended"])
def test_change_that_used_an_ended_waiver_cannot_be_approved(stage, end):
    waived(stage, until="2026-09-01T12:30Z")
    asked = stage.ask()
    _end(stage, end)

    with pytest.raises(StaleError, match=f"The waiver of {CVE}, with which v1.0.0 passed"):
        stage.approve(asked)

    assert stage.changes.get(asked.id).state is ChangeState.STALE


@pytest.mark.parametrize("end", ["expired", "ended"])
def test_approved_change_that_used_an_ended_waiver_is_not_executed(stage, end):
    waived(stage, until="2026-09-01T12:30Z")
    decided = stage.approve(stage.ask())
    before = stage.tags()
    _end(stage, end)
    kept = stage.tags()

    ended = stage.settle(decided)

    assert ended.state is ChangeState.STALE
    assert f"The waiver of {CVE}" in ended.ended.message
    assert stage.tags() == kept
    assert "v1.0.0-staging" not in before


def _end(stage: Stage, how: str) -> None:
    if how == "expired":
        stage.later(minutes=30)
    else:
        assert unwaive(stage) == "unwaived"


def test_change_continues_under_a_waiver_that_was_extended(stage):
    waived(stage, until="2026-09-01T12:30Z")
    asked = stage.ask()
    waived(stage, until="2026-09-01T14:00Z")
    stage.later(minutes=30)

    assert stage.settle(stage.approve(asked)).state is ChangeState.PROMOTED


def test_other_vulnerabilities_still_block(stage, tmp_path):
    scan_gate(tmp_path / "work", CVE, "CVE-2026-2")
    waived(stage)

    blocked = stage.ask()

    assert blocked.state is ChangeState.BLOCKED
    assert "1 CRITICAL: CVE-2026-2; 1 waived until 2026-10-01" in blocked.ended.message


def test_waiver_does_not_supersede_a_promotion_that_waits(stage):
    waived(stage)
    promotion = stage.ask()

    waiver = waive(stage, cve="CVE-2026-7")

    assert stage.changes.get(promotion.id).state is ChangeState.AWAITING_APPROVAL
    assert stage.settle(stage.approve(waiver)).state is ChangeState.PROMOTED
    assert stage.settle(stage.approve(promotion)).state is ChangeState.PROMOTED


def test_same_waiver_is_not_recorded_twice(stage):
    first = waived(stage)

    again = waive(stage)

    assert (again.state, again.unchanged) == (ChangeState.PROMOTED, True)
    assert len(stage.engine.history("staging")) == 1
    assert first.unchanged is False


def test_open_waiver_with_other_terms_is_not_joined(stage):
    asked = waive(stage)

    with pytest.raises(ConflictError, match=f"Change {asked.id} of {CVE} .* another package or"):
        waive(stage, until="2026-10-02")
    assert waive(stage).id == asked.id


def test_key_of_a_waiver_that_ended_is_no_key_of_other_terms(stage):
    asked = waive(stage, key="run-1")
    stage.settle(stage.approve(asked))

    with pytest.raises(ConflictError, match=f"Change {asked.id} with the same key waives {CVE} un"):
        waive(stage, until="2026-10-02", key="run-1")
    with pytest.raises(ConflictError, match="use a new key"):
        waive(stage, package="pkg:npm/lodash", key="run-1")
    assert waive(stage, key="run-1").id == asked.id


def test_waivers_are_kept_over_promotions_and_end_with_their_time(stage):
    waived(stage, until="2026-09-03")
    waived(stage, cve="CVE-2026-7", until="2026-10-01")
    stage.settle(stage.approve(stage.ask()))
    [row] = stage.engine.status("staging")
    assert [each.vulnerability for each in row.waivers] == [CVE, "CVE-2026-7"]

    stage.later(days=3)

    [row] = stage.engine.status("staging")
    assert [each.vulnerability for each in row.waivers] == ["CVE-2026-7"]


@pytest.mark.parametrize(
    ("until", "why"),
    [
        ("2026-11-30T13:00Z", "lasts at most 90 days"),
        ("2026-08-31", "would end at 2026-08-31, which has passed"),
    ],
)
def test_end_of_a_waiver_is_limited(stage, until, why):
    refused = waive(stage, until)

    assert refused.state is ChangeState.BLOCKED
    assert why in refused.ended.message


def test_waiver_that_ends_before_its_approval_becomes_stale(stage):
    asked = waive(stage, "2026-09-01T12:30Z")
    stage.later(minutes=30)

    with pytest.raises(StaleError, match="which has passed"):
        stage.approve(asked)


def test_audit_accepts_waivers_and_their_ends(stage):
    waived(stage)
    stage.settle(stage.approve(stage.ask()))
    unwaive(stage)

    report = stage.engine.verify("staging", stage.progress)

    assert report.sound


@pytest.mark.parametrize(
    ("package", "state"),
    [
        ("pkg:npm/lodash", ChangeState.AWAITING_APPROVAL),
        ("pkg:npm/lodash@4.17.20", ChangeState.AWAITING_APPROVAL),
        ("pkg:npm/lodash@4.17.21", ChangeState.BLOCKED),
        ("pkg:npm/underscore", ChangeState.BLOCKED),
    ],
)
def test_waiver_of_a_package_covers_it_alone(stage, package, state):
    waived(stage, package=package)

    assert stage.ask().state is state


@pytest.mark.parametrize("rule", ["approvals", "same person", "late approval"])
def test_audit_reports_a_waiver_without_valid_approvals(rule):
    policy = policy_of(path_of("dev", guarded(), "prod"))
    given = {"approvals": (APPROVED,), "environment": "staging", "policy_digest": policy.digest}
    if rule == "approvals":
        given["approvals"] = ()
    elif rule == "same person":
        given["approvals"] = (APPROVED.model_copy(update={"operator": "alice@acme.com"}),)
    else:
        given["approvals"] = (APPROVED.model_copy(update={"approved_at": AT + timedelta(days=1)}),)
    record = a_waiver().model_copy(update=given)

    kinds = {kind for kind, _ in judge_record(None, entry(record), policy)}

    assert kinds == {RemarkKind.APPROVAL}
