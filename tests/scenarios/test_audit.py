"""Audits of intact ledgers, and of findings that are only notes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.artifact import Version
from engine.domain.audit import RemarkKind
from engine.domain.errors import RegistryError, UsageError
from engine.domain.ledger import ChainEnd
from engine.domain.request import RollbackRequest
from engine.domain.result import Ending
from engine.responses.audit import AuditResponse
from tests.builders import image
from tests.conftest import Place
from tests.domain.records import a_promotion
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.audited import (
    audit,
    lock,
    messages,
    promote_versions,
    stranger_audit,
    summarize,
    unlock,
)
from tests.scenarios.engines import (
    ALICE,
    TRACE_ID,
    ProgressLog,
    engine_on,
    path_of,
    policy_of,
    promote,
)
from tests.scenarios.tampering import Hand

OTHER = policy_of(path_of("dev", "staging", "live"))


@pytest.mark.requirement("FR-026")
@pytest.mark.requirement("FR-038")
def test_ledger_with_records_of_every_verb_is_sound(place: Place, engine: Engine) -> None:
    promote_versions(place, engine)
    engine.run(
        RollbackRequest(Version("v1.0.2"), "staging", ALICE, TRACE_ID, "INC-1"), ProgressLog()
    )
    lock(engine)
    unlock(engine)

    report = engine.verify(None, ProgressLog())

    assert report.sound
    assert [(e.environment, e.entries, e.notes) for e in report.environments] == [
        ("dev", 0, ()),
        ("staging", 8, ()),
        ("prod", 0, ()),
    ]
    assert report.environments[1].head == Hand(place).manifest("floe-ledger.staging.8").digest


def test_repository_without_ledgers_is_sound(engine: Engine) -> None:
    report = engine.verify(None, ProgressLog())

    assert report.sound
    assert [e.head for e in report.environments] == [None, None, None]


def test_long_ledger_is_read_in_batches_with_progress(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path) as engine:
        for number in range(35):
            lock(engine, f"freeze {number}")
            unlock(engine)
    progress = ProgressLog()

    with engine_on(place.registry, tmp_path) as engine:
        report = engine.verify("staging", progress)

    assert report.sound
    assert report.environments[0].entries == 70
    assert progress.steps == [
        f"reading the ledger of staging: {done} of 70 entries" for done in (0, 32, 64)
    ]


def test_records_under_another_policy_are_noted_with_their_range(
    place: Place, tmp_path: Path
) -> None:
    with engine_on(place.registry, tmp_path, policy=OTHER) as before:
        promote_versions(place, before, 2)
    with engine_on(place.registry, tmp_path) as engine:
        promote_versions(place, engine, first=3)

        report = engine.verify("staging", ProgressLog())

    found = report.environments[0]
    assert report.sound
    assert summarize(found.notes) == [("policy", 2)]
    made = f"2 records (entries 1 to 2) were made under policy {OTHER.digest[:19]}"
    assert made in messages(found)


def test_manifest_edits_add_no_line_to_the_report(place: Place, tmp_path: Path) -> None:
    for number, last in enumerate(("live", "qa", "test"), start=1):
        other = policy_of(path_of("dev", "staging", last))
        with engine_on(place.registry, tmp_path, policy=other) as before:
            promote_versions(place, before, number, first=number)
    with engine_on(place.registry, tmp_path) as engine:
        found = audit(engine)

    assert summarize(found.notes) == [("policy", 3)]
    assert "3 records (entries 1 to 3) were made under 3 other policies" in messages(found)


def test_strict_audit_reports_another_policy_as_a_problem(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path, policy=OTHER) as before:
        promote_versions(place, before, 1)
    with engine_on(place.registry, tmp_path) as engine:
        report = engine.verify(None, ProgressLog())

    strict = AuditResponse.of(report, TRACE_ID).strict()

    assert report.sound
    assert not strict.sound
    assert summarize(strict.environments[1].problems) == [("policy", 1)]
    assert strict.environments[1].notes == ()


def test_latest_tag_that_has_yet_to_move_is_a_note(place: Place, engine: Engine) -> None:
    promote_versions(place, engine)
    Hand(place).point("latest-staging", at="v1.0.4-staging")

    found = audit(engine)

    assert found.sound
    assert summarize(found.notes) == [("completing", "latest-staging")]


def test_entry_of_an_interrupted_run_is_a_note(place: Place, engine: Engine) -> None:
    promote_versions(place, engine, 2)
    lock(engine)
    Hand(place).point("floe-head.staging", at="floe-ledger.staging.2")

    found = stranger_audit(engine)

    assert found.sound
    assert summarize(found.notes) == [("interrupted", 3)]
    assert "a lock by alice@acme.com" in messages(found)


def test_first_entry_of_an_interrupted_run_is_a_note(
    tmp_path: Path,
) -> None:
    place = Place(LayoutRegistry.create(tmp_path / "registry"), lambda artifact, tag: None)
    with engine_on(place.registry, tmp_path) as engine:
        lock(engine)
        Hand(place).remove_tag("floe-head.staging")

        found = stranger_audit(engine)

    assert found.sound
    assert found.entries == 1
    assert summarize(found.notes) == [("interrupted", 1)]


def test_audit_during_promotions_finds_nothing(place: Place, engine: Engine) -> None:
    for number in range(6):
        place.push(image(str(number).encode()), f"v1.0.{number}-dev")
    reports = []

    with ThreadPoolExecutor(1) as beside:
        done = [beside.submit(promote, engine, f"v1.0.{n}", "staging") for n in range(6)]
        while not all(run.done() for run in done):
            reports.append(engine.verify("staging", ProgressLog()))

    assert [run.result().outcome for run in done] == [Ending.PROMOTED] * 6
    assert reports
    assert [messages(report.environments[0]) for report in reports if not report.sound] == []


def test_record_with_shortened_annotations_is_sound(place: Place, engine: Engine) -> None:
    a_long_record(engine)

    found = audit(engine)

    assert [p for p in summarize(found.problems) if p[0] == RemarkKind.ALTERED] == []
    assert found.entries == 1


def test_shortened_record_with_an_altered_core_field_is_found(place: Place, engine: Engine) -> None:
    a_long_record(engine)
    hand = Hand(place)
    forged = hand.edited(
        "floe-head.staging",
        lambda m: m["annotations"].update({"dev.floe.promotion.operator": "mallory"}),
    )
    hand.put(forged, "floe-head.staging", "floe-ledger.staging.1")

    found = audit(engine)

    assert ("altered", 1) in summarize(found.problems)
    assert "differ in operator" in messages(found)


def test_unknown_environment_is_named(engine: Engine) -> None:
    with pytest.raises(UsageError, match="'qa' is not an environment. Environments: dev, staging"):
        engine.verify("qa", ProgressLog())


def test_unreachable_registry_is_no_finding(
    fake: FakeRegistry, tmp_path: Path, opened: Callable[..., DistributionRegistry]
) -> None:
    registry = opened(fake.host, timeout_seconds=2.0)
    with engine_on(registry, tmp_path, path_of("dev", "staging")) as engine:
        lock(engine)
        fake.always("GET", "blobs/", Reply(503))

        with pytest.raises(RegistryError):
            engine.verify(None, ProgressLog())


def a_long_record(engine: Engine) -> None:
    """Write a committed record that exceeds the size of annotations."""
    record = a_promotion(target_environment="staging", previous=None, warnings=("w" * 70_000,))
    engine.runner.registry.open_upload().finish(record.to_bytes())
    ledger = engine.runner.ledger
    entry, _ = ledger.prepare(ChainEnd(None), record, None)
    ledger.create(entry)
    ledger.point_head(entry)
