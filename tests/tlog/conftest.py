"""A platform whose log has a witness."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.signing.pem import PemSigner, generate_key
from engine.api import Engine
from tests.scenarios.engines import engine_on
from tests.tlog.fake_witness import FakeWitness
from tests.tlog.logged import client, log_key, logging_engine, write_entries


@pytest.fixture
def signer() -> PemSigner:
    return generate_key("ed25519")


@pytest.fixture
def witness(signer: PemSigner) -> Iterator[FakeWitness]:
    with FakeWitness(log_key(signer)) as running:
        yield running


@pytest.fixture
def other(signer: PemSigner) -> Iterator[FakeWitness]:
    with FakeWitness(log_key(signer), name="witness.example/w2") as running:
        yield running


@pytest.fixture
def engine(signer: PemSigner, witness: FakeWitness, tmp_path: Path) -> Iterator[Engine]:
    """An engine with three records of prod, whose log has a witness."""
    with engine_on(LayoutRegistry.create(tmp_path / "registry"), tmp_path) as built:
        write_entries(built, 3)
        yield logging_engine(built, signer, client(witness))
