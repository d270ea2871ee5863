"""A signed record adds and retires keys; entries count by the keys trusted at their place."""

from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.api import Engine
from engine.domain.errors import ConfigError
from engine.domain.result import Ending
from engine.domain.status import EnvironmentStatus
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.audited import lock, promote_versions, unlock
from tests.scenarios.engines import promote
from tests.scenarios.rotating import (
    NEW,
    OLD,
    READS_NEW,
    READS_OLD,
    SWITCHED,
    THIRD,
    build_added,
    build_retired,
    build_switched,
    forge_unrotated,
    rotate,
    rotated,
    rotation_record,
    thief,
)
from tests.scenarios.sealed import trust, writer
from tests.scenarios.tampering import ENTRY, HEAD, Hand

pytestmark = pytest.mark.requirement("FR-026")


def staging(engine: Engine) -> EnvironmentStatus:
    return next(row for row in engine.status() if row.name == "staging")


def status_for(place: Place, folder: Path, sealing: Sealing) -> EnvironmentStatus:
    """The status of staging for a machine without memory."""
    with writer(place, folder / "reader", sealing) as reader:
        return staging(reader)


@pytest.fixture
def ledger(place: Place, tmp_path: Path) -> Place:
    place.push(image(b"three"), "v1.0.3-dev")
    return build_added(place, tmp_path)


@pytest.fixture
def switched(place: Place, tmp_path: Path) -> Place:
    place.push(image(b"three"), "v1.0.3-dev")
    return build_switched(place, tmp_path)


@pytest.mark.parametrize("sealing", [READS_OLD, READS_NEW, SWITCHED])
def test_entries_by_an_added_key_count_for_every_reader(
    switched: Place, tmp_path: Path, sealing: Sealing
) -> None:
    row = status_for(switched, tmp_path, sealing)

    assert row.lock is not None
    assert (row.state.version, row.ignored) == ("v1.0.2", ())


def test_old_manifest_goes_on_writing_after_entries_by_an_added_key(
    switched: Place, tmp_path: Path
) -> None:
    with writer(switched, tmp_path / "old") as engine:
        unlock(engine)
        promoted = promote(engine, "v1.0.3", "staging")

    row = status_for(switched, tmp_path, READS_OLD)
    assert promoted.outcome is Ending.PROMOTED
    assert (row.state.version, row.lock, row.ignored) == ("v1.0.3", None, ())


@pytest.mark.parametrize("tag", [HEAD, None], ids=["hint", "no hint"])
def test_without_the_rotation_the_new_key_counts_nowhere(
    layout: Place, tmp_path: Path, tag: str | None
) -> None:
    with writer(layout, tmp_path / "old") as engine:
        promote_versions(layout, engine, last=2)
    with writer(layout, tmp_path / "new", SWITCHED) as engine:
        lock(engine)
    if tag is None:
        Hand(layout).remove_tag(HEAD)

    row = status_for(layout, tmp_path, READS_OLD)

    assert (row.state.version, row.lock, row.untrusted) == ("v1.0.2", None, {3})


def test_end_is_found_without_the_head_tag(layout: Place, tmp_path: Path) -> None:
    build_switched(layout, tmp_path)
    Hand(layout).remove_tag(HEAD)

    row = status_for(layout, tmp_path, READS_OLD)

    assert row.lock is not None
    assert row.ignored == ()


def test_several_rotations_lead_from_the_old_key_to_the_newest(
    switched: Place, tmp_path: Path
) -> None:
    with writer(switched, tmp_path / "new", SWITCHED) as engine:
        rotated(engine, THIRD, retire=(OLD,))
    with writer(switched, tmp_path / "third", Sealing(THIRD, trust(OLD, THIRD))) as engine:
        rotated(engine, retire=(NEW,))
        unlock(engine)

    for sealing in (READS_OLD, Sealing(None, trust(THIRD))):
        row = status_for(switched, tmp_path, sealing)
        assert (row.state.version, row.lock, row.ignored) == ("v1.0.2", None, ())


def test_rotation_may_retire_the_key_that_signs_it(ledger: Place, tmp_path: Path) -> None:
    with writer(ledger, tmp_path / "old") as engine:
        rotated(engine, retire=(OLD,))
    with writer(ledger, tmp_path / "new", SWITCHED) as engine:
        lock(engine)

    row = status_for(ledger, tmp_path, READS_OLD)

    assert row.lock is not None
    assert row.ignored == ()


@pytest.fixture
def retired(place: Place, tmp_path: Path) -> Place:
    return build_retired(place, tmp_path)


def test_machine_with_a_retired_key_writes_nothing(retired: Place, tmp_path: Path) -> None:
    before = sorted(retired.registry.tags())

    with (
        writer(retired, tmp_path / "old") as engine,
        pytest.raises(ConfigError, match="was retired in 'staging', so nothing was written"),
    ):
        unlock(engine)

    assert sorted(retired.registry.tags()) == before


@pytest.mark.parametrize("sealing", [READS_OLD, READS_NEW, SWITCHED])
def test_entry_by_a_retired_key_does_not_count(
    retired: Place, tmp_path: Path, sealing: Sealing
) -> None:
    with thief(retired, tmp_path) as engine:
        unlock(engine)

    row = status_for(retired, tmp_path, sealing)

    assert row.lock is not None
    assert row.untrusted == {6}


def test_lock_and_unlock_after_an_entry_by_a_retired_key_succeed(
    retired: Place, tmp_path: Path
) -> None:
    with thief(retired, tmp_path) as engine:
        unlock(engine)

    with writer(retired, tmp_path / "new", SWITCHED) as engine:
        unlock(engine)
        [newest] = engine.history("staging", 1)

    assert (newest.sequence, list(newest.voided)) == (7, [6])


def test_stolen_key_that_left_the_manifest_forges_no_head(retired: Place, tmp_path: Path) -> None:
    with thief(retired, tmp_path) as engine:
        forge_unrotated(retired, engine)

    row = status_for(retired, tmp_path, READS_NEW)

    assert row.state.sequence == 2
    assert row.untrusted == {6}


def test_forged_entry_after_a_rotation_that_was_read_is_skipped(
    retired: Place, tmp_path: Path
) -> None:
    with thief(retired, tmp_path) as engine:
        forge_unrotated(retired, engine)
    Hand(retired).point(HEAD, at=f"{ENTRY}.5")

    row = status_for(retired, tmp_path, SWITCHED)

    assert row.untrusted == {6}


def test_rotation_by_a_stranger_counts_nowhere(switched: Place, tmp_path: Path) -> None:
    sealing = Sealing(THIRD, trust(THIRD, OLD, NEW))
    with writer(switched, tmp_path / "stranger", sealing) as engine:
        rotated(engine, THIRD, retire=(OLD, NEW))
        unlock(engine)

    for reader in (READS_OLD, READS_NEW):
        row = status_for(switched, tmp_path, reader)
        assert row.lock is not None
        assert row.untrusted == {5, 6}


def test_rotation_of_another_environment_counts_nowhere(ledger: Place, tmp_path: Path) -> None:
    with writer(ledger, tmp_path / "old") as engine:
        result = rotate(engine, THIRD, environment="prod")
    assert result.entry is not None
    Hand(ledger).put(result.entry.manifest, f"{ENTRY}.4", HEAD)

    row = status_for(ledger, tmp_path, READS_OLD)

    assert (row.state.version, row.ignored) == ("v1.0.2", (4,))


def test_rotation_that_leaves_no_key_counts_nowhere(ledger: Place, tmp_path: Path) -> None:
    with writer(ledger, tmp_path / "old") as engine:
        engine.runner.append(rotation_record(engine, (), (OLD, NEW)))

    row = status_for(ledger, tmp_path, READS_OLD)
    with writer(ledger, tmp_path / "new", SWITCHED) as engine:
        lock(engine)

    assert row.ignored == (4,)
    assert status_for(ledger, tmp_path, READS_OLD).lock is not None


def test_retired_key_does_not_return(retired: Place, tmp_path: Path) -> None:
    with writer(retired, tmp_path / "new", SWITCHED) as engine:
        engine.runner.append(rotation_record(engine, (OLD,), ()))

    row = status_for(retired, tmp_path, READS_NEW)

    assert row.ignored == (6,)
