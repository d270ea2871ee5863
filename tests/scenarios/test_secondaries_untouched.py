"""A run without effect on the primary sends nothing to a secondary."""

from dataclasses import replace
from pathlib import Path

from engine.domain.environment import Approvals, Environment
from engine.domain.plan import GateMode
from engine.domain.result import Ending
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import ProgressLog, path_of, promote, promotion
from tests.scenarios.mirrored import mirrored_engine, with_mirrors
from tests.scenarios.verbs import lock
from tests.secondaries.mirrors import mirror_to

V1 = image(b"one")


def test_refused_promotion_copies_nothing(place: Place, tmp_path: Path):
    place.push(V1, "v1.0.0-dev")
    disk = tmp_path / "disk"

    with mirrored_engine(place.registry, tmp_path, disk) as engine:
        lock(engine)
        result = promote(engine, "v1.0.0", "staging")

    assert result.outcome is Ending.BLOCKED
    assert not disk.exists()


def test_dry_run_and_unchanged_promotion_copy_nothing(place: Place, tmp_path: Path):
    place.push(V1, "v1.0.0-dev")
    disk = tmp_path / "disk"
    with mirrored_engine(place.registry, tmp_path) as alone:
        promote(alone, "v1.0.0", "staging")

        engine = with_mirrors(alone, tmp_path, mirror_to(place.registry, disk))
        engine.plan(promotion(engine, "v1.0.0", "prod"), ProgressLog(), GateMode.LIST)
        result = promote(engine, "v1.0.0", "staging")

    assert result.outcome is Ending.UNCHANGED
    assert not disk.exists()


def test_promotion_that_waits_for_approvals_copies_nothing(place: Place, tmp_path: Path):
    place.push(V1, "v1.0.0-dev")
    disk, careful = tmp_path / "disk", Environment("staging", approvals=Approvals(required=1))

    with mirrored_engine(place.registry, tmp_path, disk, path=path_of("dev", careful)) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert result.outcome is Ending.PENDING
    assert not disk.exists()


def test_approved_change_copies_nothing_while_a_lock_holds(place: Place, tmp_path: Path):
    place.push(V1, "v1.0.0-dev")
    disk = tmp_path / "disk"
    with mirrored_engine(place.registry, tmp_path, disk) as engine:
        plan = engine.plan(promotion(engine, "v1.0.0", "staging"), ProgressLog())
        lock(engine)
        # As in a later execution: the evidence is kept, all else is read again.
        decided = replace(plan, policy=(), manifest=None, writes=())

        result = engine.runner.execute(decided, ProgressLog(), lambda renewed: renewed)

    assert result.outcome is Ending.BLOCKED
    assert not disk.exists()
