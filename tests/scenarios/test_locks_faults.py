"""An interrupted lock leaves one lock or none, and an unreadable ledger unlocks nothing."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from engine.audit.policies import store_policy
from engine.domain.errors import EnvironmentLockedError, RegistryError
from engine.domain.record import LockRecord
from engine.domain.result import Ending
from tests.peers.fake_http import WRITES, Cut, Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.audited import messages, stranger_audit
from tests.scenarios.engines import BOB, promote
from tests.scenarios.shaky import Shaky, shaky_engine
from tests.scenarios.verbs import artifact, build_and_promote, kinds, lock, unlock

# Open an upload, send the record, create the ledger entry (the commit), point the head to it.
WRITES_OF_A_LOCK = 4
COMMIT = 3


@pytest.fixture
def shaky(fake: FakeRegistry, tmp_path: Path) -> Iterator[Shaky]:
    """Its policy is stored, as by the records of another environment."""
    with shaky_engine(fake, tmp_path) as running:
        store_policy(running.engine.runner.registry, running.engine.runner.policy)
        yield running


@pytest.mark.requirement("FR-038")
@pytest.mark.parametrize("when", Cut)
@pytest.mark.parametrize("number", range(1, WRITES_OF_A_LOCK + 1))
def test_lock_cut_at_any_write_is_one_lock_after_repeating_it(
    shaky: Shaky, number: int, when: Cut
) -> None:
    shaky.fake.cut_write(number, when, then_gone=True)
    with pytest.raises(RegistryError):
        lock(shaky.engine)
    shaky.fake.back()

    again = lock(shaky.engine)

    taken = number == WRITES_OF_A_LOCK and when is Cut.AFTER
    assert isinstance(again.error, EnvironmentLockedError) == taken
    assert again.outcome is (Ending.BLOCKED if taken else Ending.LOCKED)
    assert kinds(shaky.engine) == ["lock"]
    assert shaky.engine.status()[1].lock is not None


@pytest.mark.requirement("FR-038")
@pytest.mark.parametrize("when", Cut)
@pytest.mark.parametrize("number", range(1, WRITES_OF_A_LOCK + 1))
def test_unlock_cut_at_any_write_is_one_unlock_after_repeating_it(
    shaky: Shaky, number: int, when: Cut
) -> None:
    lock(shaky.engine)
    shaky.fake.cut_write(number, when, then_gone=True)
    with pytest.raises(RegistryError):
        unlock(shaky.engine)
    shaky.fake.back()

    again = unlock(shaky.engine)

    assert again.error is None
    assert kinds(shaky.engine) == ["lock", "unlock"]
    assert shaky.engine.status()[1].lock is None


def test_lock_takes_four_writes(shaky: Shaky) -> None:
    before = len(shaky.fake.requests)

    lock(shaky.engine)

    made = [r for r in shaky.fake.requests[before:] if r.method in WRITES]
    assert len(made) == WRITES_OF_A_LOCK


@pytest.mark.parametrize("when", Cut)
@pytest.mark.parametrize("number", range(1, WRITES_OF_A_LOCK + 4))
def test_first_lock_cut_at_any_write_is_one_lock_with_its_policy(
    fake: FakeRegistry, tmp_path: Path, number: int, when: Cut
) -> None:
    with shaky_engine(fake, tmp_path) as shaky:
        fake.cut_write(number, when, then_gone=True)
        with suppress(RegistryError):
            lock(shaky.engine)
        fake.back()

        lock(shaky.engine)

        assert kinds(shaky.engine) == ["lock"]
        found = stranger_audit(shaky.engine)
    assert found.sound, messages(found)


def test_uncommitted_lock_does_not_block_others(shaky: Shaky) -> None:
    build_and_promote(shaky.place, shaky.engine, "v1.0.0")
    shaky.place.push(artifact("v1.1.0"), "v1.1.0-dev")
    shaky.fake.cut_write(COMMIT, Cut.BEFORE, then_gone=True)
    with suppress(RegistryError):
        lock(shaky.engine)
    shaky.fake.back()

    result = promote(shaky.engine, "v1.1.0", "staging")

    assert result.error is None
    assert kinds(shaky.engine) == ["promotion", "promotion"]
    assert not any(isinstance(e.record, LockRecord) for e in shaky.engine.history("staging"))


@pytest.mark.requirement("FR-036")
def test_committed_lock_blocks_others_at_once(shaky: Shaky) -> None:
    shaky.place.push(artifact("v1.0.0"), "v1.0.0-dev")
    shaky.fake.cut_write(COMMIT, Cut.AFTER, then_gone=True)
    with suppress(RegistryError):
        lock(shaky.engine)
    shaky.fake.back()

    result = promote(shaky.engine, "v1.0.0", "staging", BOB)

    assert isinstance(result.error, EnvironmentLockedError)


@pytest.mark.parametrize("reply", [Reply(403), Reply(500)])
def test_unreadable_ledger_is_not_an_unlocked_one(shaky: Shaky, reply: Reply) -> None:
    lock(shaky.engine)
    shaky.place.push(artifact("v1.0.0"), "v1.0.0-dev")
    before = dict(shaky.content.tags)
    shaky.fake.always("GET", r"/manifests/floe-head\.staging$", reply)

    for act in (lock, unlock, lambda engine: promote(engine, "v1.0.0", "staging")):
        with pytest.raises(RegistryError):
            act(shaky.engine)

    assert shaky.content.tags == before


@pytest.mark.requirement("FR-036")
@pytest.mark.parametrize(
    "reply", [Reply(404), Reply(200, b"{}"), Reply(200, b"not json at all")], ids=repr
)
def test_lock_is_in_force_with_any_head_tag(shaky: Shaky, reply: Reply) -> None:
    lock(shaky.engine)
    shaky.place.push(artifact("v1.0.0"), "v1.0.0-dev")
    media_type = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    answer = Reply(reply.status, reply.body, media_type)
    shaky.fake.always("GET", r"/manifests/floe-head\.staging$", answer)

    for result in (
        lock(shaky.engine, operator=BOB),
        promote(shaky.engine, "v1.0.0", "staging"),
    ):
        assert isinstance(result.error, EnvironmentLockedError)

    assert lock(shaky.engine).outcome is Ending.LOCKED
    assert kinds(shaky.engine) == ["lock"]
