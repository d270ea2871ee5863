"""The checkpoint that signs a change's ledger entry is posted in the thread of the change."""

from functools import partial

import pytest

from engine.adapters.signing.pem import generate_key
from engine.audit.checkpoint_maker import CheckpointMaker
from engine.changes.checkpoint_events import record_checkpoint
from engine.domain.change import Change, ChangeState
from tests.bot.stage import BOB, DEPLOYS, Stage, block_text
from tests.peers.fake_http import Cut
from tests.tlog.fake_witness import FakeWitness
from tests.tlog.logged import client, log_key, logging_engine

pytestmark = pytest.mark.requirement("SL-003")
SIGNER = generate_key("ed25519")


def maker_of(stage: Stage, witness: FakeWitness) -> CheckpointMaker:
    engine = stage.platform.engine
    make = logging_engine(engine, SIGNER, client(witness)).make_checkpoints
    note = partial(record_checkpoint, stage.platform.store)
    return CheckpointMaker(("prod",), engine.runner.ledger, make, made=note)


def promoted(stage: Stage, version: str) -> Change:
    change = stage.waiting_change(version)
    stage.click("floe_approve", change.id, BOB)
    return stage.change(ChangeState.PROMOTED, version)


def notices(stage: Stage) -> list[str]:
    return [text for each in stage.slack.messages if "checkpoint" in (text := block_text(each))]


def test_thread_has_the_checkpoint_of_its_entry_once(stage: Stage) -> None:
    with FakeWitness(log_key(SIGNER)) as witness:
        maker = maker_of(stage, witness)
        first = promoted(stage, "v1.0.0")
        maker.make_new()
        [notice] = stage.eventually(lambda: notices(stage))
        assert "log registry.example/acme/app/prod, size 1, root " in notice
        assert f"witnesses: {witness.key.name}" in notice

        promoted(stage, "v2.0.0")
        maker.make_new()
        maker.make_new()

        newer = stage.eventually(lambda: (found := notices(stage))[1:] and found)
    assert "size 2, root" in newer[1]
    events = [e.kind for e in stage.platform.store.events_of(first.id)]
    assert events.count("checkpointed") == 1
    card = next(m for m in stage.slack.in_channel(DEPLOYS) if "v1.0.0" in block_text(m))
    assert any("size 1, root" in block_text(m) for m in stage.slack.in_thread(card))


def test_notice_says_which_witness_is_missing_until_it_signs(stage: Stage) -> None:
    with FakeWitness(log_key(SIGNER)) as witness:
        maker = maker_of(stage, witness)
        promoted(stage, "v1.0.0")
        witness.script("POST", "/add-checkpoint", Cut.BEFORE)
        maker.make_new()
        stage.eventually(
            lambda: any(f"not yet witnessed by {witness.key.name}" in n for n in notices(stage))
        )

        maker.make_new()

        stage.eventually(lambda: any(f"witnesses: {witness.key.name}" in n for n in notices(stage)))
    [notice] = notices(stage)
    assert "not yet" not in notice
