"""An operator acknowledges a number whose content does not count, by a signed record."""

import json
from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.api import Engine
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import AuthorizationError, LedgerUnreadableError, UsageError
from engine.domain.operator import Operator
from engine.domain.parsing import parse_acknowledge_request
from engine.domain.result import Ending, Result
from engine.domain.upkeep_records import AcknowledgeRecord
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.audited import messages, promote_versions, stranger_audit, summarize
from tests.scenarios.commands import Floe
from tests.scenarios.engines import ALICE, BOB, TRACE_ID, ProgressLog, engine_on, path_of
from tests.scenarios.sealed import OWN, trust, writer
from tests.scenarios.tampering import ENTRY, Hand
from tests.scenarios.verbs import lock, unlock

pytestmark = pytest.mark.requirement("FR-026")


def acknowledge(engine: Engine, number: int = 3, operator: Operator = ALICE) -> Result:
    request = parse_acknowledge_request(
        engine.path, "staging", operator, TRACE_ID, number, "INC-7: a stray push"
    )
    return engine.run(request, ProgressLog())


@pytest.fixture
def void(place: Place, tmp_path: Path) -> Place:
    """Staging has two entries, and an artifact occupies number 3."""
    with engine_on(place.registry, tmp_path / "first") as engine:
        promote_versions(place, engine, last=2)
    Hand(place, tmp_path).point(f"{ENTRY}.3", at="v1.0.1-dev")
    return place


def test_void_at_the_end_is_acknowledged(void: Place, tmp_path: Path) -> None:
    with engine_on(void.registry, tmp_path) as engine:
        before = stranger_audit(engine)
        done = acknowledge(engine)
        after, row = stranger_audit(engine), engine.status()[1]

    assert summarize(before.problems) == [("void", 3)]
    assert "floe platform audit acknowledge 3 --env staging --reason" in messages(before)
    assert (done.outcome, row.ignored, row.state.version) == (Ending.ACKNOWLEDGED, (), "v1.0.2")
    assert isinstance(done.record, AcknowledgeRecord)
    assert done.record.void_digest == str(Hand(void).manifest("v1.0.1-dev").digest)
    assert (after.sound, summarize(after.notes)) == (True, [("void", 3)])
    assert "alice@acme.com acknowledged" in messages(after)
    assert "INC-7: a stray push" in messages(after)


@pytest.mark.parametrize("later", [1, 2, 7])
def test_void_that_was_skipped_before_is_acknowledged(
    void: Place, tmp_path: Path, later: int
) -> None:
    with engine_on(void.registry, tmp_path) as engine:
        for number in range(later):
            assert (unlock if number % 2 else lock)(engine).error is None
        assert summarize(stranger_audit(engine).problems) == [("void", 3)]

        acknowledge(engine)

        assert stranger_audit(engine).sound


def test_every_void_of_a_run_is_acknowledged_alone(void: Place, tmp_path: Path) -> None:
    for number in (4, 5):
        Hand(void, tmp_path).point(f"{ENTRY}.{number}", at="v1.0.2-dev")
    with engine_on(void.registry, tmp_path) as engine:
        assert lock(engine).error is None
        acknowledge(engine, 4)

        assert summarize(stranger_audit(engine).problems) == [("void", 5), ("void", 3)]


def test_other_content_at_the_number_is_a_problem_again(void: Place, tmp_path: Path) -> None:
    with engine_on(void.registry, tmp_path) as engine:
        acknowledge(engine)
        Hand(void, tmp_path).point(f"{ENTRY}.3", at="v1.0.2-dev")
        found = stranger_audit(engine)

    digest = Hand(void).manifest("v1.0.2-dev").digest
    assert (summarize(found.problems), summarize(found.notes)) == ([("void", 3)], [("void", 3)])
    assert f"Number 3 of staging is occupied by {digest.short}" in messages(found)


def test_second_acknowledgement_changes_nothing(void: Place, tmp_path: Path) -> None:
    with engine_on(void.registry, tmp_path) as engine:
        acknowledge(engine)
        again = acknowledge(engine, operator=BOB)
        newest = engine.history("staging", 1)

    assert (again.outcome, newest[0].sequence) == (Ending.UNCHANGED, 4)


def test_only_authorized_operators_acknowledge(void: Place, tmp_path: Path) -> None:
    staging = Environment("staging", authorization=Authorization(allowed_operators={"nobody"}))
    with engine_on(void.registry, tmp_path, path_of("dev", staging, "prod")) as engine:
        refused = acknowledge(engine)

    assert isinstance(refused.error, AuthorizationError)
    assert "is not authorized to acknowledge a void of 'staging'" in str(refused.error)


@pytest.mark.parametrize("number", [1, 2, 4, 99])
def test_number_that_counts_or_is_free_is_refused(void: Place, tmp_path: Path, number: int) -> None:
    with (
        engine_on(void.registry, tmp_path) as engine,
        pytest.raises(UsageError, match="there is nothing to acknowledge"),
    ):
        acknowledge(engine, number)


def test_forged_acknowledgement_does_not_count(place: Place, tmp_path: Path) -> None:
    with writer(place, tmp_path / "own") as engine:
        promote_versions(place, engine, last=2)
    with writer(place, tmp_path / "forger", Sealing()) as forger:
        lock(forger)
        Hand(place, tmp_path).point(f"{ENTRY}.4", at="v1.0.1-dev")
        acknowledge(forger, 4)

    with writer(place, tmp_path / "own") as engine:
        found = stranger_audit(engine)

    untrusted = [place for kind, place in summarize(found.problems) if kind == "untrusted"]
    assert untrusted == [3, 4, 5]


@pytest.mark.parametrize("forged", [1, 3])
def test_forged_entries_do_not_block_an_empty_ledger(
    place: Place, tmp_path: Path, forged: int
) -> None:
    place.push(image(b"one"), "v1.0.1-dev")
    with writer(place, tmp_path / "forger", Sealing()) as forger:
        for verb in (lock, unlock, lock)[:forged]:
            verb(forger)

    with writer(place, tmp_path / "own", Sealing(OWN, trust(OWN))) as engine:
        command = f"floe platform audit acknowledge {forged} --env staging --reason"
        with pytest.raises(LedgerUnreadableError, match=command):
            lock(engine)
        for number in range(forged, 0, -1):
            acknowledge(engine, number)

        assert stranger_audit(engine).sound
        assert lock(engine).error is None


def test_history_before_signing_is_not_skipped_by_acknowledging_an_old_entry(
    place: Place, tmp_path: Path
) -> None:
    with writer(place, tmp_path / "unsigned", Sealing()) as engine:
        promote_versions(place, engine, last=2)

    with (
        writer(place, tmp_path / "own", Sealing(OWN, trust(OWN))) as engine,
        pytest.raises(LedgerUnreadableError, match="adopt them in manifest.yaml"),
    ):
        acknowledge(engine, 1)


def test_command_acknowledges_and_history_shows_it(void: Place, tmp_path: Path) -> None:
    floe = Floe.on(f"oci://{void.registry.reference}", tmp_path) if _is_remote(void) else None
    floe = floe or Floe.on(f"oci-layout:{void.registry.reference}", tmp_path)
    options = ("--env", "staging", "--reason", "a stray push")

    done = floe.run("platform", "audit", "acknowledge", "3", *options)
    again = floe.run("platform", "audit", "acknowledge", "3", *options, "--output", "json")
    free = floe.run("platform", "audit", "acknowledge", "9", *options)
    shown = floe.run("platform", "audit", "history", "--kind", "acknowledge", "--output", "jsonl")

    assert done.code == 0, done
    assert "Acknowledged: number 3 of staging does not count (sha256:" in done.out
    assert (again.code, again.document["outcome"], again.document["void_sequence"]) == (
        0,
        "unchanged",
        3,
    )
    assert free.code == 2, free
    assert json.loads(shown.out)["void_sequence"] == 3


def _is_remote(place: Place) -> bool:
    return Hand(place).root is None
