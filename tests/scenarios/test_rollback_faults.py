"""A rollback interrupted by a registry failure is completed by repeating it."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from engine.domain.errors import RegistryError
from engine.domain.result import Ending
from engine.domain.status import Alignment
from tests.peers.fake_http import WRITES, Cut, Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.shaky import Shaky, shaky_engine
from tests.scenarios.verbs import artifact, build_and_promote, kinds, roll_back, rollback_of


@pytest.fixture
def shaky(fake: FakeRegistry, tmp_path: Path) -> Iterator[Shaky]:
    with shaky_engine(fake, tmp_path) as running:
        yield running


# Open an upload, send the record, tag the artifact, create the ledger entry (the commit); then move
# the head tag and latest, side by side; then list the record.
WRITES_OF_A_ROLLBACK = 7
COMMIT = 4


@pytest.mark.requirement("FR-014")
def test_rollback_takes_seven_writes(shaky: Shaky) -> None:
    build_and_promote(shaky.place, shaky.engine, "v1.0.0", "v1.1.0")
    before = len(shaky.fake.requests)

    roll_back(shaky.engine, "v1.0.0")

    made = [r for r in shaky.fake.requests[before:] if r.method in WRITES]
    assert len(made) == WRITES_OF_A_ROLLBACK


@pytest.mark.requirement("NFR-004")
@pytest.mark.parametrize("when", Cut)
@pytest.mark.parametrize("number", range(1, WRITES_OF_A_ROLLBACK + 1))
def test_rollback_cut_at_any_write_is_completed_by_repeating_it(
    shaky: Shaky, number: int, when: Cut
) -> None:
    build_and_promote(shaky.place, shaky.engine, "v1.0.0", "v1.1.0")
    shaky.fake.cut_write(number, when, then_gone=True)
    # It is complete if only the listing of its record was cut, which may be the last write.
    with suppress(RegistryError):
        roll_back(shaky.engine, "v1.0.0")
    shaky.fake.back()

    result = roll_back(shaky.engine, "v1.0.0")

    assert rollback_of(result).artifact_tag == "v1.0.0-staging-rollback-1"
    assert kinds(shaky.engine) == ["promotion", "promotion", "rollback"]
    rollbacks = [tag for tag in shaky.content.tags if "-rollback-" in tag]
    assert rollbacks == ["v1.0.0-staging-rollback-1"]
    assert shaky.content.tags["latest-staging"] == str(artifact("v1.0.0").manifest.digest)
    assert shaky.engine.status()[1].alignment is Alignment.ALIGNED


@pytest.mark.parametrize("when", Cut)
@pytest.mark.parametrize("number", range(1, WRITES_OF_A_ROLLBACK + 1))
def test_one_cut_connection_does_not_stop_a_rollback(shaky: Shaky, number: int, when: Cut) -> None:
    build_and_promote(shaky.place, shaky.engine, "v1.0.0", "v1.1.0")
    shaky.fake.cut_write(number, when)

    roll_back(shaky.engine, "v1.0.0")

    assert rollback_of(roll_back(shaky.engine, "v1.0.0")).version == "v1.0.0"
    assert kinds(shaky.engine) == ["promotion", "promotion", "rollback"]


def test_another_rollback_after_an_interrupted_one_leaves_one_record_each(shaky: Shaky) -> None:
    build_and_promote(shaky.place, shaky.engine, "v1.0.0", "v1.1.0", "v1.2.0")
    shaky.fake.cut_write(COMMIT, Cut.BEFORE, then_gone=True)
    with pytest.raises(RegistryError):
        roll_back(shaky.engine, "v1.0.0")
    shaky.fake.back()

    other = roll_back(shaky.engine, "v1.1.0")
    first = roll_back(shaky.engine, "v1.0.0")

    assert rollback_of(other).artifact_tag == "v1.1.0-staging-rollback-1"
    assert rollback_of(first).artifact_tag == "v1.0.0-staging-rollback-1"
    assert kinds(shaky.engine) == ["promotion"] * 3 + ["rollback"] * 2


def test_committed_rollback_is_completed_and_says_so(shaky: Shaky) -> None:
    build_and_promote(shaky.place, shaky.engine, "v1.0.0", "v1.1.0")
    shaky.fake.cut_write(COMMIT, Cut.AFTER, then_gone=True)
    with pytest.raises(RegistryError):
        roll_back(shaky.engine, "v1.0.0")
    shaky.fake.back()
    assert shaky.engine.status()[1].alignment is Alignment.COMPLETING

    result = roll_back(shaky.engine, "v1.0.0")

    assert result.outcome is Ending.ROLLED_BACK
    assert "an earlier run" in " ".join(result.warnings)


@pytest.mark.parametrize("reply", [Reply(403), Reply(500)])
def test_unreadable_ledger_refuses_every_rollback(shaky: Shaky, reply: Reply) -> None:
    build_and_promote(shaky.place, shaky.engine, "v1.0.0", "v1.1.0")
    before = dict(shaky.content.tags)
    shaky.fake.always("GET", r"/manifests/floe-head\.staging$", reply)

    with pytest.raises(RegistryError) as refused:
        roll_back(shaky.engine, "v1.0.0")

    assert refused.value.exit_code == 5
    assert shaky.content.tags == before


def test_missing_running_artifact_does_not_stop_a_rollback(shaky: Shaky) -> None:
    build_and_promote(shaky.place, shaky.engine, "v1.0.0", "v1.1.0")
    del shaky.content.manifests[str(artifact("v1.1.0").manifest.digest)]

    record = rollback_of(roll_back(shaky.engine, "v1.0.0"))

    assert record.impact_analysis is not None
    assert "no longer in the registry" in " ".join(record.impact_analysis.not_compared)
