"""The keys that a ledger trusts, and the form in which it records them."""

import pytest

from engine.adapters.signing import generate_key
from engine.attestation.keys import load_der
from engine.audit.record_rules import judge_record
from engine.domain.artifact import Digest
from engine.domain.audit import RemarkKind
from engine.domain.key_trust import (
    KeyState,
    addition_fault,
    is_trusted,
    keys_after,
    rotation_fault,
)
from engine.domain.public_key import MAX_KEYS, PublicKey
from engine.domain.record_index import Link
from engine.domain.state import EnvironmentState
from tests.checks.contexts import entry
from tests.domain.records import ED25519, KEY, OTHER_KEY, P256, a_rotation
from tests.peers import signing

LISTED = "sha256:" + "1" * 64


def numbered(number: int) -> PublicKey:
    return PublicKey.of_der(ED25519 + number.to_bytes(32))


def state(*added: PublicKey, retired: tuple[PublicKey, ...] = ()) -> KeyState:
    return KeyState(added=added, retired=tuple(key.key_id for key in retired))


def trusts(keys: KeyState | None, key_id: str) -> bool:
    return is_trusted(keys, key_id, lambda each: each == LISTED)


def test_without_rotations_listed_keys_are_trusted() -> None:
    assert trusts(None, LISTED)
    assert not trusts(None, KEY.key_id)


def test_added_keys_are_trusted_until_they_are_retired() -> None:
    added = keys_after(None, [KEY], [])
    retired = keys_after(added, [OTHER_KEY], [KEY])

    assert (trusts(added, KEY.key_id), trusts(added, LISTED)) == (True, True)
    assert (trusts(retired, KEY.key_id), trusts(retired, OTHER_KEY.key_id)) == (False, True)
    assert retired == state(OTHER_KEY, retired=(KEY,))


def test_retired_key_is_not_trusted_although_it_is_listed() -> None:
    keys = KeyState(added=(KEY,), retired=(LISTED,))

    assert not trusts(keys, LISTED)


def test_keys_are_added_and_retired_once() -> None:
    once = keys_after(None, [KEY], [OTHER_KEY])

    assert keys_after(once, [KEY], [OTHER_KEY]) == once


def test_link_to_the_rotation_before_is_kept() -> None:
    linked = state(KEY).linked_to(Link(7, Digest.of(b"entry")))

    assert linked.link == Link(7, Digest.of(b"entry"))
    assert keys_after(linked, [OTHER_KEY], []).link == linked.link
    assert state(KEY).link is None


@pytest.mark.parametrize(
    ("after", "signer", "fault"),
    [
        (state(KEY), LISTED, None),
        (state(KEY, retired=(OTHER_KEY,)), OTHER_KEY.key_id, None),
        (state(retired=(OTHER_KEY,)), LISTED, None),
        (state(retired=(OTHER_KEY,)), None, None),
        (state(retired=(KEY,)), KEY.key_id, "leaves no key"),
        (state(KEY, retired=(KEY,)), LISTED, "a retired key never returns"),
        (state(*map(numbered, range(MAX_KEYS))), LISTED, None),
        (keys_after(None, map(numbered, range(MAX_KEYS + 1)), []), LISTED, "leaves more than 64"),
    ],
)
def test_rotation_that_leaves_no_key_or_returns_one_does_not_count(
    after: KeyState, signer: str | None, fault: str | None
) -> None:
    found = rotation_fault(after, signer)

    assert (fault is None) == (found is None)
    assert (fault or "") in (found or "")


@pytest.mark.parametrize(
    ("added", "retired", "fault"),
    [
        (16, MAX_KEYS - 17, None),
        (17, 0, "more than 16 added keys"),
        (16, MAX_KEYS - 16, "leaves no room to retire each of 65 keys"),
    ],
)
def test_added_keys_leave_room_to_retire_every_one(
    added: int, retired: int, fault: str | None
) -> None:
    keys = [numbered(each) for each in range(added + retired)]

    found = addition_fault(state(*keys[:added], retired=tuple(keys[added:])), [LISTED])

    assert (fault is None) == (found is None)
    assert (fault or "") in (found or "")


@pytest.mark.parametrize("kind", ["ecdsa", "ed25519"])
def test_key_has_the_form_and_the_id_that_other_tools_use(kind: str) -> None:
    der = generate_key(kind).public_key()
    loaded = load_der(der)
    assert loaded is not None

    key = PublicKey.of_der(der)

    assert (key.key_id, key.public_key) == (loaded.fingerprint, loaded.pem)
    assert PublicKey.of_pem(loaded.pem) == key


@pytest.mark.parametrize(
    "der", [b"", ED25519 + bytes(31), P256 + bytes(65), bytes(91)], ids=range(4)
)
def test_other_kinds_of_keys_are_refused(der: bytes) -> None:
    with pytest.raises(ValueError, match="key"):
        PublicKey.of_der(der)


def test_rsa_key_is_refused() -> None:
    with pytest.raises(ValueError, match="is not"):
        PublicKey.of_pem(signing.SigningKey.new("RS256").pem().decode())


def test_key_with_the_id_of_another_is_refused() -> None:
    with pytest.raises(ValueError, match="does not have this key ID"):
        PublicKey(key_id=OTHER_KEY.key_id, public_key=KEY.public_key)


@pytest.mark.parametrize("edit", [str.strip, str.upper, lambda pem: pem.replace("\n", "\r\n")])
def test_only_one_form_of_a_key_is_accepted(edit: object) -> None:
    assert callable(edit)

    with pytest.raises(ValueError, match="is not"):
        PublicKey.of_pem(edit(KEY.public_key))


def test_audit_names_a_rotation_in_the_chain_that_does_not_count() -> None:
    keys = state(KEY, retired=(KEY,))
    broken = entry(a_rotation(), EnvironmentState(keys=keys))

    violations = list(judge_record(None, broken, None))

    assert [(kind, KEY.key_id in fact) for kind, fact in violations] == [(RemarkKind.ALTERED, True)]
