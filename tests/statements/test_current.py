"""Statements of runnable versions follow the ledger, on every kind of registry."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import LedgerUnreadableError
from engine.domain.result import Ending
from engine.execution.attest import issue_statements
from engine.execution.statement_renewer import StatementRenewer
from tests.conftest import Place
from tests.peers.fake_registry import FakeRegistry, oci_error
from tests.scenarios.engines import TickingClock, promote
from tests.scenarios.rotating import NEW, OLD, SWITCHED, rotate
from tests.scenarios.sealed import OTHER, BrokenSigner, trust, writer
from tests.scenarios.verbs import roll_back
from tests.statements.stage import Stage, failing, stage_on

NAME = "acme/platform"


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    with stage_on(place, tmp_path / "writer") as built:
        yield built


def test_promotion_states_the_version_that_runs_and_withdraws_the_earlier_one(
    stage: Stage,
) -> None:
    assert stage.promote("v1.0.0") == ()
    assert stage.promote("v1.0.1") == ()

    stated = stage.stated
    [entry] = stage.engine.history("prod", 1)
    assert stated is not None
    assert (stated.current.version, stated.also) == ("v1.0.1", ())
    assert (stated.entry.sequence, stated.entry.digest) == (entry.sequence, str(entry.digest))
    assert (stage.attached("v1.0.0"), len(stage.attached("v1.0.1"))) == ([], 1)


def test_rollback_withdraws_the_version_that_it_left(stage: Stage) -> None:
    stage.promote("v1.0.0")
    stage.promote("v1.0.1")

    result = roll_back(stage.engine, "v1.0.0", "prod")

    assert (result.outcome, result.warnings) == (Ending.ROLLED_BACK, ())
    assert stage.versions() == ["v1.0.0"]
    assert (stage.attached("v1.0.1"), len(stage.attached("v1.0.0"))) == ([], 1)


def test_manifest_before_a_rotation_withdraws_statements_by_the_added_key(
    place: Place, tmp_path: Path
) -> None:
    with stage_on(place, tmp_path / "old") as old:
        old.promote("v1.0.0")
        rotate(old.engine, NEW, environment="prod")
        with stage_on(place, tmp_path / "new", sealing=SWITCHED) as new:
            new.promote("v1.0.1")

        roll_back(old.engine, "v1.0.0", "prod")

        assert (old.attached("v1.0.1"), old.versions()) == ([], ["v1.0.0"])


def test_statement_by_a_retired_key_is_replaced_and_withdrawn(place: Place, tmp_path: Path) -> None:
    clock = TickingClock()
    with stage_on(place, tmp_path / "old", clock=clock) as old:
        old.promote("v1.0.0")
        rotate(old.engine, NEW, environment="prod")
        before = old.attached("v1.0.0")
    new_key = Sealing(NEW, trust(NEW))
    with stage_on(place, tmp_path / "new", clock=clock, sealing=new_key) as new:
        with writer(place, tmp_path / "both", SWITCHED) as engine:
            rotate(engine, retire=(OLD,), environment="prod")
        new.attest(renew=False)
        renewed = new.attached("v1.0.0")
        new.promote("v1.0.1")

        assert renewed != before
        assert (len(renewed), new.attached("v1.0.0"), new.versions()) == (1, [], ["v1.0.1"])


def test_kept_versions_are_stated_too(place: Place, tmp_path: Path) -> None:
    with stage_on(place, tmp_path / "writer", keep=1) as stage:
        for number in range(3):
            stage.promote(f"v1.0.{number}")
        before = stage.versions()
        roll_back(stage.engine, "v1.0.1", "prod")
        after = stage.versions()

        assert (before, after) == (["v1.0.2", "v1.0.1"], ["v1.0.1", "v1.0.0"])
        assert [len(stage.attached(f"v1.0.{number}")) for number in range(3)] == [1, 1, 0]


def test_renewed_statement_replaces_the_earlier_one(stage: Stage) -> None:
    stage.promote("v1.0.0")
    [before] = stage.attached("v1.0.0")

    same = stage.attest(renew=False)
    [unchanged] = stage.attached("v1.0.0")
    renewed = stage.attest()
    [after] = stage.attached("v1.0.0")

    assert same.statement != renewed.statement
    assert (unchanged == before, after == before) == (True, False)


def test_statement_is_renewed_before_it_expires(place: Place, tmp_path: Path) -> None:
    """The clock of the engine ticks at each reading."""
    with stage_on(place, tmp_path / "writer", hours=0.001) as stage:
        stage.promote("v1.0.0")
        [before] = stage.attached("v1.0.0")
        for _ in range(4):
            stage.engine.now()

        def issue(environment):  # type: ignore[no-untyped-def]
            return tuple(issue_statements(stage.engine.runner, (environment,), renew=False))

        StatementRenewer([stage.engine.path.environment("prod")], issue).renew_due()

        assert stage.attached("v1.0.0") != [before]


def test_failure_is_a_warning_and_the_next_command_repeats_it(stage: Stage) -> None:
    stage.promote("v1.0.0")
    broken = failing(stage, BrokenSigner())

    [warning] = broken.promote("v1.0.1")
    withdrawn = stage.attached("v1.0.0")
    again = promote(stage.engine, "v1.0.1", "prod")

    assert warning.startswith("The statement about prod was not issued: awskms:alias/floe")
    assert warning.endswith("Issue it: floe platform attest --env prod")
    assert withdrawn == []
    assert (again.outcome, again.warnings) == (Ending.UNCHANGED, ())
    assert stage.versions() == ["v1.0.1"]
    assert (stage.attached("v1.0.0"), len(stage.attached("v1.0.1"))) == ([], 1)


def test_statement_of_a_stranger_is_replaced(stage: Stage) -> None:
    stage.promote("v1.0.0")
    failing(stage, OTHER).attest()

    untrusted = stage.stated
    stage.attest(renew=False)

    assert untrusted is None
    assert stage.versions() == ["v1.0.0"]
    assert len(stage.attached("v1.0.0")) == 1


def test_truncated_ledger_is_not_stated(stage: Stage) -> None:
    """A cut ledger would state a version that was replaced."""
    stage.promote("v1.0.0")
    stage.promote("v1.0.1")
    registry = stage.place.registry
    first, other = registry.fetch(Tag("floe-ledger.prod.1")), registry.fetch(Tag("v1.0.0-dev"))
    assert first is not None
    assert other is not None
    registry.put(first, Tag("floe-head.prod"))
    registry.put(other, Tag("floe-ledger.prod.2"))

    with pytest.raises(LedgerUnreadableError):
        stage.attest()

    assert stage.versions() == ["v1.0.1"]


def test_lost_earlier_version_does_not_stop_the_statement(place: Place, tmp_path: Path) -> None:
    with stage_on(place, tmp_path / "writer", keep=1) as stage:
        stage.promote("v1.0.0")
        stage.promote("v1.0.1")
        lost = place.registry.resolve(Tag("v1.0.0-dev"))
        assert lost is not None
        place.registry.detach(lost, [lost])

        issued = stage.attest()

        assert (issued.warnings, stage.versions()) == ((), ["v1.0.1", "v1.0.0"])
        assert len(stage.attached("v1.0.1")) == 1


def test_registry_that_keeps_earlier_statements_is_a_warning(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> None:
    fake.behaviour.referrers_api = fake.behaviour.sends_oci_subject = True
    fake.always("DELETE", "/manifests/", oci_error(405, "UNSUPPORTED"))
    place = Place(opened(fake.host), lambda artifact, tag: fake.hold(NAME, artifact, tag))
    with stage_on(place, tmp_path / "writer") as stage:
        first = stage.promote("v1.0.0")
        [warning] = stage.promote("v1.0.1")

        assert first == ()
        assert "does not delete the earlier statement of https://floe.dev/current/prod" in warning
        assert (stage.versions(), len(stage.attached("v1.0.0"))) == (["v1.0.1"], 1)
