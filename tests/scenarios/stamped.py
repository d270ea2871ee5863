"""Engines whose signed entries have timestamps, with clocks near the present."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.signing.timestamp_authority import HttpTimestampAuthority
from engine.api import Engine
from engine.attestation.timestamps import TimestampCertificates, load_certificates
from tests.builders import image
from tests.conftest import Place
from tests.peers.timestamp_authority import TimestampAuthority
from tests.scenarios.engines import TickingClock, engine_on
from tests.scenarios.sealed import SIGNING


def certificates(authority: TimestampAuthority) -> TimestampCertificates:
    return TimestampCertificates(load_certificates(authority.certificates, "tsa.pem"))


def stamping(
    authority: TimestampAuthority, *, required: bool = False, seconds: float = 30
) -> Sealing:
    trusted = certificates(authority)
    client = HttpTimestampAuthority(authority.url, trusted, seconds)
    return replace(SIGNING, authority=client, timestamps=trusted, timestamp_required=required)


@contextmanager
def writer(
    place: Place, folder: Path, sealing: Sealing, slow: timedelta = timedelta(0)
) -> Iterator[Engine]:
    """An engine whose clock is `slow`."""
    folder.mkdir(exist_ok=True)
    clock = TickingClock(datetime.now(UTC) - slow)
    with engine_on(place.registry, folder, sealing=sealing, clock=clock) as engine:
        yield engine


def publish(place: Place, number: int = 1) -> str:
    place.push(image(f"artifact {number}".encode()), f"v1.0.{number}-dev")
    return f"v1.0.{number}"
