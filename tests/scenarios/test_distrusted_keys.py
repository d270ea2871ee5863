"""A key in ledger.distrusted_keys proves nothing alone, and hides nothing that others vouch for."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.signing import PemSigner
from engine.adapters.signing.trust import KeyRing
from engine.domain.errors import ConfigError
from tests.conftest import Place
from tests.scenarios.audited import lock, unlock
from tests.scenarios.rotating import (
    NEW,
    OLD,
    SWITCHED,
    THIRD,
    build_retired,
    build_switched,
    forge_unrotated,
    public,
    rotated,
    rotation_record,
    thief,
)
from tests.scenarios.sealed import pems, trust, writer
from tests.scenarios.tampering import ENTRY, HEAD, Hand
from tests.scenarios.test_rotation import status_for


def distrusting(stolen: PemSigner, *listed: PemSigner, signer: PemSigner | None = None) -> Sealing:
    """A manifest with the `listed` keys that distrusts the `stolen` one."""
    key = public(stolen)
    ring = KeyRing([pem.encode() for pem in pems(*listed)], signer, {key.key_id})
    return Sealing(signer, ring, distrusted=(key,))


READER = distrusting(NEW, OLD)


@pytest.fixture
def stolen(layout: Place, tmp_path: Path) -> Place:
    """Entry 3 adds the new key, which signs entry 4, a lock; entry 5 retires it."""
    with writer(build_switched(layout, tmp_path), tmp_path / "old") as engine:
        rotated(engine, THIRD, retire=(NEW,))
    return layout


def forge_head(place: Place, folder: Path) -> None:
    """Point only the head tag to a lock by the stolen key that leaves its retirement out."""
    with thief(place, folder, NEW) as engine:
        head = engine.runner.ledger.head("staging")
        assert head is not None
        keys = engine.runner.ledger.entry(head, 3).passed_keys
        forge_unrotated(place, engine, NEW, keys, tagged=False)


def test_head_by_a_distrusted_key_is_no_base(stolen: Place, tmp_path: Path) -> None:
    forge_head(stolen, tmp_path)

    fooled = status_for(stolen, tmp_path, Sealing(None, trust(OLD)))
    row = status_for(stolen, tmp_path, READER)

    assert fooled.lock is not None
    assert fooled.lock.reason == "forged"
    assert row.lock is not None
    assert row.lock.reason != "forged"


def test_entries_by_a_key_that_a_distrusted_key_added_do_not_count(
    layout: Place, tmp_path: Path
) -> None:
    build_switched(layout, tmp_path)
    with writer(layout, tmp_path / "old") as engine:
        unlock(engine)
    with thief(layout, tmp_path, NEW) as engine:
        engine.runner.append(rotation_record(engine, (THIRD,), (OLD,)))
    with thief(layout, tmp_path, THIRD) as engine:
        lock(engine)

    fooled = status_for(layout, tmp_path, Sealing(None, trust(OLD)))
    row = status_for(layout, tmp_path, READER)
    with writer(layout, tmp_path / "owner", distrusting(NEW, OLD, signer=OLD)) as engine:
        rotated(engine, retire=(NEW,))
        lock(engine)
        [newest] = engine.history("staging", 1)
    Hand(layout).point(HEAD, at=f"{ENTRY}.3")
    after = status_for(layout, tmp_path, READER)

    assert fooled.lock is not None
    assert (row.lock, row.untrusted) == (None, {6, 7})
    assert (newest.sequence, newest.previous_sequence) == (9, 8)
    assert after.lock is not None
    assert after.untrusted == set()


@pytest.mark.parametrize("number", [1, 3, 4])
def test_moving_the_head_back_hides_no_entry_after_those_by_a_distrusted_key(
    stolen: Place, tmp_path: Path, number: int
) -> None:
    Hand(stolen).point(HEAD, at=f"{ENTRY}.{number}")

    row = status_for(stolen, tmp_path, READER)

    assert row.lock is not None
    assert (row.state.version, row.untrusted) == ("v1.0.2", set())


def test_key_that_was_listed_is_distrusted_too(layout: Place, tmp_path: Path) -> None:
    build_retired(layout, tmp_path)
    with thief(layout, tmp_path) as engine:
        forge_unrotated(layout, engine)

    for reader in (distrusting(OLD, NEW), distrusting(OLD, OLD, NEW)):
        row = status_for(layout, tmp_path, reader)
        assert row.lock is not None
        assert (row.lock.reason == "forged", row.untrusted) == (False, {6})
        assert reader.trusted is not None
        assert reader.trusted.listed() == (public(NEW),)


def test_distrusted_key_that_left_the_manifest_can_be_retired(
    layout: Place, tmp_path: Path
) -> None:
    with writer(layout, tmp_path / "old", distrusting(THIRD, OLD, signer=OLD)) as engine:
        assert rotated(engine, retire=(THIRD,)).is_rotation


def test_machine_with_a_distrusted_key_writes_nothing(stolen: Place, tmp_path: Path) -> None:
    sealing = replace(SWITCHED, distrusted=(public(NEW),))
    with (
        writer(stolen, tmp_path / "new", sealing) as engine,
        pytest.raises(ConfigError, match="distrusted_keys lists the key of ledger.signing"),
    ):
        unlock(engine)
