"""Rotations that are refused, and the requests that a rotation costs its readers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.adapters.signing import generate_key
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import AuthorizationError, UnconfiguredError, UsageError
from engine.domain.names import Names
from engine.domain.parsing import parse_rotate_request
from engine.domain.result import Ending
from engine.domain.rights import Rights
from engine.domain.roles import Members
from engine.domain.upkeep_records import RotateRecord
from tests.builders import image
from tests.conftest import Place
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.audited import lock, promote_versions
from tests.scenarios.engines import ALICE, BOB, TRACE_ID, ProgressLog, engine_on, path_of, promote
from tests.scenarios.rotating import (
    NEW,
    OLD,
    READS_OLD,
    SWITCHED,
    THIRD,
    public,
    rotate,
    rotated,
)
from tests.scenarios.sealed import SIGNING, trust, writer

REPOSITORY = "acme/platform"
ALICE_ONLY = Members.of(operators=["alice@acme.com"])


def test_record_names_the_keys_and_the_operator(layout: Place, tmp_path: Path) -> None:
    with writer(layout, tmp_path / "old") as engine:
        record = rotated(engine, NEW, retire=(OLD,)).record

    assert isinstance(record, RotateRecord)
    assert (record.added, record.retired) == ((public(NEW),), (public(OLD),))
    assert (record.operator, record.reason) == ("alice@acme.com", "the yearly rotation")


def test_second_rotation_changes_nothing(layout: Place, tmp_path: Path) -> None:
    with writer(layout, tmp_path / "old") as engine:
        rotated(engine, NEW)
        again = rotate(engine, NEW, operator=BOB)
        newest = engine.history("staging", 1)

    assert (again.outcome, newest[0].sequence) == (Ending.UNCHANGED, 1)


def test_key_that_was_added_before_is_left_out(layout: Place, tmp_path: Path) -> None:
    with writer(layout, tmp_path / "old") as engine:
        rotated(engine, NEW)
        record = rotated(engine, NEW, retire=(OLD,)).record

    assert isinstance(record, RotateRecord)
    assert (record.added, record.retired) == ((), (public(OLD),))


def test_only_authorized_operators_rotate(layout: Place, tmp_path: Path) -> None:
    staging = Environment("staging", authorization=Authorization(allowed_operators={"nobody"}))
    path = path_of("dev", staging, "prod")
    with engine_on(layout.registry, tmp_path, path, sealing=SIGNING) as engine:
        refused = rotate(engine, NEW)

    assert isinstance(refused.error, AuthorizationError)
    assert "is not authorized to rotate the keys of 'staging'" in str(refused.error)


@pytest.mark.parametrize("sealing", [Sealing(), READS_OLD], ids=["nothing", "no private key"])
def test_rotation_needs_a_key_that_signs(layout: Place, tmp_path: Path, sealing: Sealing) -> None:
    with (
        writer(layout, tmp_path / "machine", sealing) as engine,
        pytest.raises(UnconfiguredError, match="ledger.signing is not configured"),
    ):
        rotate(engine, NEW)


def test_last_key_cannot_be_retired(layout: Place, tmp_path: Path) -> None:
    with (
        writer(layout, tmp_path / "old") as engine,
        pytest.raises(UsageError, match="leaves no key that it or an earlier one added"),
    ):
        rotate(engine, retire=(OLD,))


def test_added_key_cannot_be_retired_with_the_signing_one(layout: Place, tmp_path: Path) -> None:
    with writer(layout, tmp_path / "old") as engine:
        rotated(engine, NEW)
        with pytest.raises(UsageError, match="leaves no key"):
            rotate(engine, retire=(OLD, NEW))
        with pytest.raises(UsageError, match="a retired key never returns"):
            rotate(engine, THIRD, retire=(THIRD,))


def test_retired_key_cannot_be_added_again(layout: Place, tmp_path: Path) -> None:
    with writer(layout, tmp_path / "old") as engine:
        rotated(engine, NEW)
    with writer(layout, tmp_path / "new", SWITCHED) as engine:
        rotated(engine, retire=(OLD,))
        with pytest.raises(UsageError, match="a retired key never returns"):
            rotate(engine, OLD)


def test_unknown_key_is_not_retired_by_its_id(layout: Place, tmp_path: Path) -> None:
    unknown = public(THIRD).key_id
    with (
        writer(layout, tmp_path / "old") as engine,
        pytest.raises(UsageError, match=f"{unknown} is not the ID of a key that staging trusts"),
    ):
        rotate(engine, retire=(THIRD,))


def test_key_that_was_never_trusted_is_not_retired(layout: Place, tmp_path: Path) -> None:
    with writer(layout, tmp_path / "old") as engine:
        request = parse_rotate_request(
            engine.path, "staging", ALICE, TRACE_ID, (), [public(THIRD)], None
        )
        with pytest.raises(UsageError, match=r"list it in ledger\.trusted_keys"):
            engine.run(request, ProgressLog())


def test_listed_key_is_retired_by_its_file(layout: Place, tmp_path: Path) -> None:
    sealing = Sealing(OLD, trust(OLD, THIRD))
    with writer(layout, tmp_path / "old", sealing) as engine:
        request = parse_rotate_request(
            engine.path, "staging", ALICE, TRACE_ID, (), [public(THIRD)], None
        )
        record = engine.run(request, ProgressLog()).record

    assert isinstance(record, RotateRecord)
    assert (record.retired, record.reason) == ((public(THIRD),), "")


@pytest.mark.parametrize(
    ("rights", "allowed"),
    [
        (Rights(), True),
        (Rights(served=True, named=ALICE_ONLY), False),
        (Rights(operators=Names(["bob@acme.com"])), False),
        (Rights(operators=Names(["alice@acme.com"])), True),
        (
            Rights(
                served=True,
                named=ALICE_ONLY,
                operators=Names(["alice@acme.com"]),
            ),
            True,
        ),
    ],
)
def test_rotation_needs_the_right_to_operate(
    layout: Place, tmp_path: Path, rights: Rights, allowed: bool
) -> None:
    with engine_on(layout.registry, tmp_path, sealing=SIGNING, rights=rights) as engine:
        result = rotate(engine, NEW)

    assert isinstance(result.error, AuthorizationError) != allowed
    assert allowed or "identity.operators of manifest.yaml" in str(result.error)


def test_server_does_not_retire_the_key_that_it_signs_with(layout: Place, tmp_path: Path) -> None:
    rights = Rights(served=True, operators=Names(["alice@acme.com"]), named=ALICE_ONLY)
    with engine_on(layout.registry, tmp_path, sealing=SIGNING, rights=rights) as engine:
        rotated(engine, NEW)
        with pytest.raises(UsageError, match="signs for this server"):
            rotate(engine, THIRD, retire=(OLD,))


def test_added_keys_leave_room_to_retire_every_key(layout: Place, tmp_path: Path) -> None:
    keys = [generate_key("ed25519") for _ in range(17)]
    with writer(layout, tmp_path / "old") as engine:
        with pytest.raises(UsageError, match="leaves more than 16 added keys"):
            rotate(engine, *keys)
        rotated(engine, *keys[:16])
        with pytest.raises(UsageError, match="leaves more than 16 added keys"):
            rotate(engine, keys[16])
        rotated(engine, retire=(OLD,))


@pytest.mark.parametrize("key_id", ["", "sha256:123", "floe.key.pub", "SHA256:" + "a" * 64])
def test_text_that_is_no_key_id_is_refused(key_id: str) -> None:
    with pytest.raises(UsageError, match="is not the ID of a key"):
        parse_rotate_request(path_of("dev"), "dev", ALICE, TRACE_ID, (), [key_id], None)


def test_rotation_without_keys_is_refused() -> None:
    with pytest.raises(UsageError, match="adds or retires a key"):
        parse_rotate_request(path_of("dev"), "dev", ALICE, TRACE_ID, (), (), None)


@pytest.mark.parametrize(
    ("sealing", "more"),
    [(SWITCHED, 0), (READS_OLD, 1)],
    ids=["manifest with the new key", "manifest without it"],
)
def test_reader_needs_one_more_request_only_without_the_new_key(
    opened: Callable[..., DistributionRegistry], tmp_path: Path, sealing: Sealing, more: int
) -> None:
    with FakeRegistry() as fake:
        registry = opened(fake.host)
        place = Place(registry, lambda artifact, tag: fake.hold(REPOSITORY, artifact, tag))
        with writer(place, tmp_path / "old") as engine:
            promote_versions(place, engine, last=2)
            rotated(engine, NEW)
        with writer(place, tmp_path / "new", SWITCHED) as engine:
            lock(engine)
        counts = []
        for name in ("first", "second"):
            with writer(Place(opened(fake.host), place.push), tmp_path / name, sealing) as reader:
                fake.requests.clear()
                assert reader.runner.ledger.head("staging") is not None
                counts.append(len(fake.requests))
                fake.requests.clear()
                assert reader.runner.ledger.head("staging") is not None
                counts.append(len(fake.requests))

    # The head tag, and the next number; a machine that read them before remembers the rotation.
    assert counts == [2 + more, 2] * 2


def test_promotion_after_a_rotation_takes_as_many_requests_as_before(
    opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> None:
    counts = {}
    for name in ("before", "after"):
        with FakeRegistry() as fake:
            for number in range(3):
                fake.hold(REPOSITORY, image(b"%d" % number), f"v1.0.{number}-dev")
            place = Place(opened(fake.host), lambda *_: None)
            with writer(place, tmp_path / f"{name}-old") as engine:
                assert promote(engine, "v1.0.0", "staging").error is None
                lock_or_rotation = rotated(engine, NEW) if name == "after" else None
            sealing = SWITCHED if lock_or_rotation else Sealing(OLD, trust(OLD, NEW))
            with writer(place, tmp_path / f"{name}-new", sealing) as engine:
                assert promote(engine, "v1.0.1", "staging").error is None
            with writer(Place(opened(fake.host), place.push), tmp_path / name, sealing) as engine:
                fake.requests.clear()
                assert promote(engine, "v1.0.2", "staging").error is None
                counts[name] = len(fake.requests)

    assert counts["after"] == counts["before"]
