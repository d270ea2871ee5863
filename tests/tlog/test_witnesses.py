"""Witnesses sign checkpoints, and a ledger that was cut or rewritten behind one is found."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.signing.pem import PemSigner
from engine.adapters.tlog.ed25519 import verify_ed25519
from engine.api import Engine
from tests.peers import oci_layout
from tests.peers.fake_http import Cut, Reply
from tests.scenarios.audited import audit, messages, summarize
from tests.scenarios.engines import ProgressLog
from tests.tlog.fake_witness import FakeWitness
from tests.tlog.logged import client, logging_engine, made, store, stranger, truncate, write_entries


def test_cosignature_is_kept_with_the_checkpoint(engine: Engine, witness: FakeWitness) -> None:
    checkpoint = made(engine)

    stored = store(engine).read("prod")
    assert checkpoint.refusals == {}
    assert stored == checkpoint.stored
    assert stored is not None
    signed = stored.note.signed_by([witness.key], verify_ed25519)
    assert signed[witness.key].seconds == witness.seconds


def test_next_checkpoint_extends_the_one_before(engine: Engine, witness: FakeWitness) -> None:
    made(engine)
    write_entries(engine, 4)

    checkpoint = made(engine)

    assert witness.olds == [0, 3]
    assert [*checkpoint.cosigned] == [witness.key]
    assert witness.seen[checkpoint.checkpoint.origin][0] == 7


def test_cosigned_checkpoint_is_not_sent_again(engine: Engine, witness: FakeWitness) -> None:
    made(engine)

    made(engine)

    assert witness.olds == [0]


def test_witness_that_missed_checkpoints_continues_from_its_size(
    engine: Engine, witness: FakeWitness
) -> None:
    made(engine)
    witness.always("POST", "/add-checkpoint", Reply(503))
    for count in (2, 1, 3):
        write_entries(engine, count)
        assert made(engine).refusals
    witness.forget_scripts()

    checkpoint = made(engine)

    assert checkpoint.size == 9
    assert [*checkpoint.cosigned] == [witness.key]
    assert witness.olds == [0, 9, 3]


def test_each_witness_signs_for_itself(
    engine: Engine, signer: PemSigner, witness: FakeWitness, other: FakeWitness
) -> None:
    both = logging_engine(engine, signer, client(witness), client(other))
    witness.always("POST", "/add-checkpoint", Cut.BEFORE)

    checkpoint = made(both)

    assert [*checkpoint.cosigned] == [other.key]
    assert [*checkpoint.refusals] == [witness.key.name]
    witness.forget_scripts()
    assert {*made(both).cosigned} == {witness.key, other.key}
    assert other.olds == [0]


def test_log_that_began_before_its_witness_is_accepted(
    engine: Engine, signer: PemSigner, other: FakeWitness
) -> None:
    made(engine)
    write_entries(engine, 2)

    checkpoint = made(logging_engine(engine, signer, client(other)))

    assert [*checkpoint.cosigned] == [other.key]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Reply(403), "it does not know the key of the log"),
        (Reply(404), "it does not know the log"),
        (Reply(422), "the ledger contradicts the history that it has seen"),
        (Reply(500, b"broken\x1b[31m"), "it answered 500: broken"),
        (Reply(500, b"broken", {"Content-Type": "text/plain; charset=zlib"}), "500: broken"),
        (Reply(302, headers={"Location": "http://127.0.0.1:1/"}), "it answered 302"),
        (Reply(200, b"nonsense"), "its answer has no valid signature by its key"),
        (Reply(200), "its answer has no valid signature by its key"),
        (Reply(409, b"many"), "it answered 409: many"),
        (Reply(409, b"-1"), "it answered 409: -1"),
        (Reply(409, b"99\n"), "it has seen 99 entries of registry.example/acme/app/prod, and the"),
        (Reply(200, b"x" * 20_000), "more than 16384 bytes"),
        (Cut.BEFORE, "disconnected"),
    ],
)
def test_answer_without_a_signature_is_one_sentence(
    engine: Engine, witness: FakeWitness, answer: Reply | Cut, reason: str
) -> None:
    witness.always("POST", "/add-checkpoint", answer)

    checkpoint = made(engine)

    assert reason in checkpoint.refusals[witness.key.name]
    assert checkpoint.refusals[witness.key.name].startswith("The witness witness.example/w1 did")
    assert checkpoint.refusals[witness.key.name].isprintable()
    assert store(engine).read("prod") == checkpoint.stored


def test_signature_by_another_key_is_refused(
    engine: Engine, witness: FakeWitness, other: FakeWitness
) -> None:
    text = made(engine).stored.note.text
    write_entries(engine, 1)
    witness.script("POST", "/add-checkpoint", Reply(200, str(other.cosign(text)).encode()))

    assert "no valid signature by its key" in made(engine).refusals[witness.key.name]


def test_witnessed_ledger_is_sound_and_read_from_its_checkpoint(engine: Engine) -> None:
    made(engine)
    write_entries(engine, 1)
    assert summarize(audit(engine, "prod").notes) == [("unwitnessed", 4), ("unread", 2)]
    made(engine)

    found = audit(engine, "prod")

    assert found.sound
    assert summarize(found.notes) == [("unread", 3)]
    assert found.entries == 4


def test_full_audit_reads_everything(engine: Engine) -> None:
    made(engine)

    (found,) = engine.verify("prod", ProgressLog(), full=True).environments

    assert found.sound
    assert not found.notes
    assert found.entries == 3


def test_ledger_without_checkpoint_is_said_to_be_unwitnessed(engine: Engine) -> None:
    found = audit(engine, "prod")

    assert found.sound
    assert summarize(found.notes) == [("unwitnessed", 3)]
    assert "Entries 1 to 3 of prod have no checkpoint" in messages(found)


def test_removed_entry_before_the_checkpoint_is_found(engine: Engine) -> None:
    made(engine)
    tag = str(engine.runner.ledger.tag("prod", 1))
    oci_layout.untag(Path(engine.reference), tag)

    assert ("missing", 1) in summarize(audit(engine, "prod").problems)


def test_witness_that_is_down_is_a_note(engine: Engine, witness: FakeWitness) -> None:
    made(engine)
    witness.always("POST", "/add-checkpoint", Cut.BEFORE)

    found = audit(engine, "prod")

    assert found.sound
    assert summarize(found.notes) == [("unwitnessed", None), ("unread", 2)]


def test_cut_ledger_is_found_by_its_checkpoint(engine: Engine) -> None:
    made(engine)
    truncate(engine, 2)

    found = audit(stranger(engine), "prod")

    assert summarize(found.problems) == [("checkpoint", 3)]
    assert (
        "was cut or rewritten: it ends with entry 2, and its checkpoint signs 3 entries, which "
        "witness.example/w1 cosigned" in messages(found)
    )


def test_rewritten_ledger_is_found_by_its_checkpoint(engine: Engine) -> None:
    made(engine)
    truncate(engine, 2)
    write_entries(stranger(engine), 2)

    found = audit(stranger(engine), "prod")

    assert summarize(found.problems) == [("checkpoint", 3)]
    assert "was cut or rewritten: it has another entry 3, and its checkpoint signs 3" in messages(
        found
    )


def test_cut_ledger_with_its_older_checkpoint_is_found_by_the_witness(engine: Engine) -> None:
    older = made(engine).stored
    write_entries(engine, 2)
    made(engine)

    truncate(engine, 3)
    store(engine).write("prod", older)

    found = audit(stranger(engine), "prod")
    assert summarize(found.problems) == [("checkpoint", 5)]
    assert "witness.example/w1 has seen 5 entries, and the checkpoint has 3" in messages(found)


def test_ledger_rewritten_with_the_right_key_is_found_by_the_witness(
    engine: Engine, signer: PemSigner
) -> None:
    made(engine)
    truncate(engine, 2)
    thief = stranger(logging_engine(engine, signer))
    write_entries(thief, 1)
    oblivious = store(engine)
    forged = replace(thief.runner.checkpoints.open(), store=_Forgetful())
    extension = forged.sign("prod")
    assert extension is not None
    oblivious.write("prod", extension[0].stored)

    found = audit(stranger(engine), "prod")

    assert summarize(found.problems) == [("checkpoint", 3)]
    assert "contradicts the history that witness.example/w1 has seen" in messages(found)


class _Forgetful:
    """A checkpoint store that is always empty."""

    def read(self, environment: str) -> None:
        return None

    def write(self, environment: str, stored: object) -> None: ...


def test_rewritten_ledger_gets_no_cosignature(
    engine: Engine, signer: PemSigner, witness: FakeWitness
) -> None:
    made(engine)
    truncate(engine, 2)
    write_entries(stranger(engine), 2)
    forgetful = stranger(engine)
    oci_layout.untag(Path(engine.reference), "floe-checkpoint.prod")

    checkpoint = made(forgetful)

    assert "contradicts the history" in checkpoint.refusals[witness.key.name]
