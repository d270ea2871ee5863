"""Rotations of keys, and thieves who sign with a key that was retired."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from engine.adapters.ledger.encoding import encode
from engine.adapters.ledger.sealing import Sealing
from engine.adapters.signing import PemSigner, generate_key
from engine.api import Engine
from engine.domain.key_trust import KeyState
from engine.domain.ledger import ChainEnd, LedgerDraft, LedgerEntry, draft_after
from engine.domain.operator import Operator
from engine.domain.parsing import parse_rotate_request
from engine.domain.public_key import PublicKey
from engine.domain.record import LockRecord
from engine.domain.record_header import record_header
from engine.domain.result import Ending, Result
from engine.domain.upkeep_records import RotateRecord
from tests.conftest import Place
from tests.scenarios.audited import lock, promote_versions
from tests.scenarios.engines import ALICE, TRACE_ID, ProgressLog
from tests.scenarios.forging import LATER
from tests.scenarios.sealed import OTHER, OWN, trust, writer
from tests.scenarios.tampering import ENTRY, HEAD, Hand

OLD, NEW, THIRD = OWN, OTHER, generate_key("ecdsa")
# A machine with the new key and the old manifest, and readers with one listed key each.
SWITCHED = Sealing(NEW, trust(OLD, NEW))
READS_OLD, READS_NEW = Sealing(None, trust(OLD)), Sealing(None, trust(NEW))


def public(signer: PemSigner) -> PublicKey:
    return PublicKey.of_der(signer.public_key())


def rotate(
    engine: Engine,
    *add: PemSigner,
    retire: tuple[PemSigner, ...] = (),
    environment: str = "staging",
    operator: Operator = ALICE,
) -> Result:
    ids = [public(each).key_id for each in retire]
    keys = [public(each) for each in add]
    request = parse_rotate_request(
        engine.path, environment, operator, TRACE_ID, keys, ids, "the yearly rotation"
    )
    return engine.run(request, ProgressLog())


def rotated(engine: Engine, *add: PemSigner, retire: tuple[PemSigner, ...] = ()) -> LedgerEntry:
    """Rotate the keys of staging, which must succeed; return the entry."""
    result = rotate(engine, *add, retire=retire)
    assert result.outcome is Ending.ROTATED
    assert result.entry is not None
    return result.entry


def rotation_record(
    engine: Engine, added: tuple[PemSigner, ...], retired: tuple[PemSigner, ...]
) -> RotateRecord:
    """A record that no check has judged."""
    fields = {
        "rotate_id": uuid4(),
        "environment": "staging",
        "added": tuple(map(public, added)),
        "retired": tuple(map(public, retired)),
        "authorized_via": "forged",
        "rotated_at": LATER,
    }
    who = record_header(ALICE, TRACE_ID, engine.runner.policy.digest)
    return RotateRecord.model_validate({**who, **fields})


def build_added(place: Place, folder: Path) -> Place:
    """Staging has two promotions by the old key, and entry 3 adds the new one."""
    with writer(place, folder / "old") as engine:
        promote_versions(place, engine, last=2)
        assert rotated(engine, NEW).sequence == 3
    return place


def build_switched(place: Place, folder: Path) -> Place:
    """After `build_added`, entry 4 is a lock by the new key."""
    with writer(build_added(place, folder), folder / "new", SWITCHED) as engine:
        lock(engine)
    return place


def build_retired(place: Place, folder: Path) -> Place:
    """After `build_switched`, entry 5 retires the old key."""
    with writer(build_switched(place, folder), folder / "new", SWITCHED) as engine:
        assert rotated(engine, retire=(OLD,)).sequence == 5
    return place


@dataclass(frozen=True)
class Disguised:
    """Implements `engine.ports.signer.Signer`: floe takes it for another key than it signs with."""

    key: PemSigner

    def public_key(self) -> bytes:
        return THIRD.public_key()

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


@contextmanager
def thief(place: Place, folder: Path, key: PemSigner = OLD) -> Iterator[Engine]:
    """A person with the registry's credential and a stolen key, whose floe refuses nothing."""
    with writer(place, folder / "thief", Sealing(Disguised(key))) as engine:
        yield engine


def forge_unrotated(
    place: Place,
    engine: Engine,
    key: PemSigner = OLD,
    keys: KeyState | None = None,
    *,
    tagged: bool = True,
) -> None:
    """
    Append a lock whose state forgets the rotations after `keys`, and point the head tag to it; if
    not `tagged`, only that one.
    """
    ledger = engine.runner.ledger
    head = ledger.head("staging")
    assert head is not None
    who = record_header(ALICE, TRACE_ID, engine.runner.policy.digest)
    fields = {"lock_id": uuid4(), "environment": "staging", "reason": "forged", "locked_at": LATER}
    record = LockRecord.model_validate({**who, **fields, "repository": head.record.repository})
    honest = draft_after(
        ChainEnd(head), record, None, lambda link: ledger.entry(head, link.sequence)
    )
    state = honest.state.model_copy(update={"keys": keys})
    draft = LedgerDraft(
        honest.environment,
        honest.sequence,
        honest.ancestors,
        honest.voided,
        honest.index,
        record,
        state,
        None,
    )
    manifest, content = encode(draft, key)
    place.registry.open_upload().finish(content)
    Hand(place).put(manifest, *([f"{ENTRY}.{honest.sequence}"] if tagged else []), HEAD)
