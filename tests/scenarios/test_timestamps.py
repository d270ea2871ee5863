"""Timestamps of signed ledger entries, from real authorities and from broken ones."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.adapters.signing.timestamp_authority import HttpTimestampAuthority
from engine.api import Engine
from engine.attestation.bundle import KeyBundle, read_key_bundle
from engine.domain.errors import TimestampUnavailableError
from engine.domain.result import Ending
from tests.conftest import Place
from tests.peers.fake_http import Cut, Reply
from tests.peers.timestamp_authority import (
    ChainAuthority,
    TimestampAuthority,
    UnorderedAuthority,
    verified_by_openssl,
)
from tests.scenarios.audited import audit, lock, messages, summarize, unlock
from tests.scenarios.engines import promote
from tests.scenarios.sealed import SIGNING
from tests.scenarios.stamped import certificates, publish, stamping, writer
from tests.scenarios.tampering import ENTRY, HEAD, Hand

WARNING = "This promotion is on record without a timestamp, since the timestamp authority"


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TimestampAuthority]:
    with TimestampAuthority(tmp_path / "tsa") as found:
        yield found


@pytest.fixture
def engine(layout: Place, tmp_path: Path, authority: TimestampAuthority) -> Iterator[Engine]:
    with writer(layout, tmp_path / "writer", stamping(authority)) as opened:
        yield opened


def bundle(place: Place, sequence: int = 1) -> KeyBundle:
    return read_key_bundle(Hand(place).record(f"{ENTRY}.{sequence}"))


def test_entry_has_a_timestamp_that_openssl_verifies(
    layout: Place, engine: Engine, authority: TimestampAuthority
) -> None:
    result = promote(engine, publish(layout), "staging")

    assert (result.outcome, result.warnings) == (Ending.PROMOTED, ())
    found = bundle(layout)
    [timestamp], signature = found.timestamps, found.envelope.signature
    assert verified_by_openssl(timestamp, signature, authority)
    assert not verified_by_openssl(timestamp, signature[:-1], authority)
    assert audit(engine).notes == ()
    assert len(authority.requests) == 1


def test_another_authority_is_accepted_too(layout: Place, tmp_path: Path) -> None:
    with (
        ChainAuthority(tmp_path / "chain") as authority,
        writer(layout, tmp_path / "writer", stamping(authority)) as engine,
    ):
        result = promote(engine, publish(layout), "staging")

        assert result.warnings == ()
        found = bundle(layout)
        assert verified_by_openssl(found.timestamps[0], found.envelope.signature, authority)
        assert (audit(engine).sound, audit(engine).notes) == (True, ())


def test_answer_with_unordered_certificates_is_not_used(layout: Place, tmp_path: Path) -> None:
    with (
        UnorderedAuthority(tmp_path / "chain") as authority,
        writer(layout, tmp_path / "writer", stamping(authority)) as engine,
    ):
        result = promote(engine, publish(layout), "staging")

    assert result.outcome is Ending.PROMOTED
    assert "is not a valid timestamp" in result.warnings[0]
    assert bundle(layout).timestamps == ()


def replayed(authority: TimestampAuthority) -> Reply:
    """Return an answer to an earlier request about the same bytes."""
    return Reply(200, (authority.folder / "0.tsr").read_bytes())


BROKEN: dict[str, Callable[[TimestampAuthority], Reply | Cut]] = {
    "it answered 503": lambda _: Reply(503, b"closed"),
    "it answered 302": lambda _: Reply(302, headers={"Location": "http://127.0.0.1:1/"}),
    "Server disconnected": lambda _: Cut.BEFORE,
    "it is not a valid timestamp": lambda _: Reply(200, b"<html>"),
    "Nonce mismatch": replayed,
    "answered 500 broken": lambda _: Reply(
        500, b"broken", {"Content-Type": "text/plain; charset=rot13"}
    ),
    "more than 16384 bytes": lambda _: Reply(200, bytes(20_000)),
    "timed out": lambda _: Reply(200, bytes(100), drip_seconds=0.5),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_change_is_recorded_without_a_timestamp(
    reason: str, layout: Place, engine: Engine, authority: TimestampAuthority, tmp_path: Path
) -> None:
    promote(engine, publish(layout, 1), "staging")
    authority.always("POST", "/tsa", BROKEN[reason](authority))
    with writer(layout, tmp_path / "writer", stamping(authority, seconds=2)) as impatient:
        result = promote(impatient, publish(layout, 2), "staging")

    assert result.outcome is Ending.PROMOTED
    [warning] = result.warnings
    assert warning.startswith(WARNING)
    # On a busy machine, the limit of the whole answer may come before that of a read.
    assert reason in warning.replace("the body comes too slowly", "timed out")
    assert bundle(layout, 2).timestamps == ()
    found = audit(engine)
    assert (found.sound, summarize(found.notes)) == (True, [("unstamped", 2)])
    assert "1 entry (2) of staging without a timestamp" in messages(found)


def test_answer_of_an_unknown_authority_is_not_used(
    layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    with TimestampAuthority(tmp_path / "other") as other:
        client = HttpTimestampAuthority(other.url, certificates(authority))
        sealing = replace(stamping(authority), authority=client)
        with writer(layout, tmp_path / "writer", sealing) as engine:
            result = promote(engine, publish(layout), "staging")

    assert "is not a valid timestamp" in result.warnings[0]
    assert bundle(layout).timestamps == ()


def test_nothing_is_written_without_a_required_timestamp(
    layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    authority.script("POST", "/tsa", Reply(503))
    version, before = publish(layout), layout.registry.tags()
    with writer(layout, tmp_path / "writer", stamping(authority, required=True)) as engine:
        with pytest.raises(TimestampUnavailableError, match="^Nothing was written, since the time"):
            promote(engine, version, "staging")
        assert layout.registry.tags() == before

        assert promote(engine, version, "staging").outcome is Ending.PROMOTED


def test_lock_does_not_wait_for_a_required_timestamp(
    layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    authority.always("POST", "/tsa", Reply(503))
    with writer(layout, tmp_path / "writer", stamping(authority, required=True)) as engine:
        lock(engine)

        with pytest.raises(TimestampUnavailableError):
            unlock(engine)


@pytest.mark.parametrize("slow", [timedelta(hours=2), timedelta(hours=-2)])
def test_record_with_a_false_time_contradicts_its_timestamp(
    slow: timedelta, layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    with writer(layout, tmp_path / "writer", stamping(authority), slow) as engine:
        promote(engine, publish(layout), "staging")
        found = audit(engine)

    assert summarize(found.problems) == [("timestamp", 1)]
    assert "but its signature has a timestamp of" in messages(found)


def test_clocks_may_differ_a_little(
    layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    slow = timedelta(minutes=55)
    with writer(layout, tmp_path / "writer", stamping(authority), slow) as engine:
        promote(engine, publish(layout), "staging")

        assert audit(engine).sound


def test_timestamp_of_another_entry_is_found(layout: Place, engine: Engine) -> None:
    """A stranger puts the timestamp of entry 1 into the newest entry."""
    for number in (1, 2):
        promote(engine, publish(layout, number), "staging")
    document = json.loads(Hand(layout).record(f"{ENTRY}.2"))
    [timestamp] = bundle(layout, 1).timestamps
    exchange_timestamp(layout, document, base64.b64encode(timestamp).decode())

    found = audit(engine)

    assert ("timestamp", 2) in summarize(found.problems)
    assert "its timestamp does not verify" in messages(found)


def exchange_timestamp(place: Place, document: dict[str, object], text: str) -> None:
    material = document["verificationMaterial"]
    assert isinstance(material, dict)
    material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": text}]}
    content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    hand = Hand(place)
    holding = hand.holding(f"{ENTRY}.2", content)
    hand.put(holding, f"{ENTRY}.2", HEAD)


def test_timestamps_are_not_verified_without_certificates(
    layout: Place, engine: Engine, tmp_path: Path
) -> None:
    promote(engine, publish(layout), "staging")
    with writer(layout, tmp_path / "auditor", SIGNING) as auditor:
        found = audit(auditor)

    assert (found.sound, summarize(found.notes)) == (True, [("unconfirmed", 1)])
    assert "1 entry (1) of staging with timestamps, which were not verified" in messages(found)
