"""A server signs in the background, and changes can require a witness."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.api import Engine
from engine.audit.checkpoint_maker import CheckpointMaker
from engine.audit.checkpoints import SignedCheckpoint
from engine.domain.errors import (
    LedgerUnreadableError,
    RegistryUnavailableError,
    StoreUnavailableError,
    WitnessUnavailableError,
)
from engine.domain.request import LockRequest, UnlockRequest
from tests.peers.fake_http import Cut, Reply
from tests.scenarios.engines import ALICE, TRACE_ID, ProgressLog, with_parts
from tests.tlog.fake_witness import FakeWitness
from tests.tlog.logged import made, store, stranger, truncate, write_entries


def requiring(engine: Engine, seconds: int) -> Engine:
    """Return `engine` with `require_witness`."""
    source = engine.runner.checkpoints
    assert source is not None
    required = replace(source, max_unwitnessed=timedelta(seconds=seconds))
    return with_parts(engine, checkpoints=required)


def lock(engine: Engine) -> object:
    return engine.run(LockRequest("prod", ALICE, TRACE_ID, "INC-1"), ProgressLog())


def unlock(engine: Engine) -> object:
    return engine.run(UnlockRequest("prod", ALICE, TRACE_ID, "over"), ProgressLog())


def test_changes_do_not_wait_for_a_witness_by_default(engine: Engine, witness: FakeWitness) -> None:
    witness.always("POST", "/add-checkpoint", Cut.BEFORE)
    made(engine)

    write_entries(engine, 2)


def test_changes_stop_while_a_required_witness_does_not_sign(
    engine: Engine, witness: FakeWitness
) -> None:
    strict = requiring(engine, seconds=0)
    with pytest.raises(WitnessUnavailableError, match="No witness has signed entry 1 of 'prod'"):
        unlock(strict)
    assert engine.runner.ledger.head("prod").sequence == 3

    made(strict)

    unlock(strict)


def test_lock_does_not_wait_for_a_required_witness(engine: Engine) -> None:
    unlock(engine)

    lock(requiring(engine, seconds=0))


def test_changes_continue_within_the_allowed_time(engine: Engine) -> None:
    unlock(requiring(engine, seconds=3600))


def test_nothing_is_written_behind_a_witnessed_checkpoint(engine: Engine) -> None:
    made(engine)
    truncate(engine, 1)

    with pytest.raises(LedgerUnreadableError, match="a witness signed 3 entries"):
        unlock(stranger(requiring(engine, seconds=3600)))


def test_maker_signs_new_entries_once(engine: Engine, witness: FakeWitness) -> None:
    maker = CheckpointMaker(("staging", "prod"), engine.runner.ledger, engine.make_checkpoints)

    assert maker.make_new()
    assert maker.make_new()
    write_entries(engine, 2)
    assert maker.make_new()

    assert witness.olds == [0, 3]


def test_maker_tries_again_until_the_witness_signs(engine: Engine, witness: FakeWitness) -> None:
    maker = CheckpointMaker(("prod",), engine.runner.ledger, engine.make_checkpoints)
    witness.always("POST", "/add-checkpoint", Reply(503))
    assert not maker.make_new()
    witness.forget_scripts()

    assert maker.make_new()


def test_maker_signs_other_environments_after_an_error(engine: Engine) -> None:
    write_entries(engine, 1, "staging")

    def make(name: str):
        if name == "prod":
            raise RegistryUnavailableError("down")
        return engine.make_checkpoints(name)

    maker = CheckpointMaker(("prod", "staging"), engine.runner.ledger, make)

    assert not maker.make_new()
    assert store(engine).read("staging") is not None


def test_checkpoint_that_cannot_be_announced_is_announced_again(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    announced: list[int] = []

    def announce(checkpoint: SignedCheckpoint) -> None:
        announced.append(checkpoint.size)
        if len(announced) == 1:
            raise StoreUnavailableError("the disk is full")

    maker = CheckpointMaker(("prod",), engine.runner.ledger, engine.make_checkpoints, made=announce)

    assert not maker.make_new()
    assert store(engine).read("prod") is not None
    assert "a checkpoint of prod was made, and not announced: the disk is full" in caplog.text
    assert "no checkpoint of prod" not in caplog.text
    assert maker.make_new()
    assert announced == [3, 3]
