"""Platforms whose ledgers are signed logs."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.signing.pem import PemSigner, generate_key
from engine.adapters.tlog.ed25519 import verify_ed25519
from engine.adapters.tlog.registry_store import RegistryCheckpoints
from engine.adapters.tlog.witness import HttpWitness
from engine.api import Engine
from engine.audit.checkpoints import Checkpoints, CheckpointSource, SignedCheckpoint
from engine.domain.request import LockRequest, UnlockRequest
from engine.domain.result import Ending
from engine.domain.tlog.note import NoteKey
from engine.ports import Registry
from engine.ports.checkpoints import Witness
from engine.ports.state import InMemoryHeads
from tests.peers import oci_layout
from tests.scenarios.engines import ALICE, TRACE_ID, ProgressLog, engine_on, with_parts
from tests.tlog.fake_witness import FakeWitness

ORIGIN = "registry.example/acme/app"


def raw_key(signer: PemSigner) -> bytes:
    return signer.public_key()[-32:]


def logging_engine(
    engine: Engine, signer: PemSigner, *witnesses: Witness, origin: str = ORIGIN
) -> Engine:
    """Return `engine` with checkpoints signed by `signer`."""
    registry: Registry = engine.runner.registry
    checkpoints = Checkpoints(
        origin,
        engine.runner.ledger,
        RegistryCheckpoints(registry),
        verify_ed25519,
        (raw_key(signer),),
        lambda: signer,
        witnesses,
    )
    return with_parts(engine, checkpoints=CheckpointSource(lambda: checkpoints))


def log_key(signer: PemSigner, environment: str = "prod", origin: str = ORIGIN) -> NoteKey:
    return NoteKey(f"{origin}/{environment}", raw_key(signer))


@contextmanager
def logged_platform(folder: Path, entries: int) -> Iterator[tuple[Engine, PemSigner]]:
    """A platform in `folder` with `entries` records of prod, and the key of its log."""
    registry, signer = LayoutRegistry.create(folder / "registry"), generate_key("ed25519")
    with engine_on(registry, folder) as engine:
        write_entries(engine, entries)
        yield logging_engine(engine, signer), signer


def write_entries(engine: Engine, count: int, environment: str = "prod") -> None:
    """Lock and unlock `environment` in turn."""
    head = engine.runner.ledger.head(environment)
    for number in range(head.sequence if head else 0, (head.sequence if head else 0) + count):
        kind, ending = (
            (UnlockRequest, Ending.UNLOCKED) if number % 2 else (LockRequest, Ending.LOCKED)
        )
        done = engine.run(kind(environment, ALICE, TRACE_ID, f"reason {number}"), ProgressLog())
        assert done.outcome is ending


def made(engine: Engine, environment: str = "prod") -> SignedCheckpoint:
    (checkpoint,) = engine.make_checkpoints(environment)
    return checkpoint


def client(witness: FakeWitness) -> HttpWitness:
    tls = ssl.create_default_context()
    return HttpWitness(f"http://{witness.host}/", witness.key, tls, verify_ed25519)


def stranger(engine: Engine) -> Engine:
    """The engine of a machine that has seen nothing before."""
    return with_parts(engine, heads=InMemoryHeads())


def truncate(engine: Engine, last: int) -> None:
    """Make entry `last` the head and remove the newer tags, with the registry's credentials."""
    ledger, registry = engine.runner.ledger, engine.runner.registry
    entry, head = engine.entry("prod", last), ledger.head("prod")
    assert entry is not None
    assert head is not None
    registry.put(entry.manifest, ledger.tag("prod", None))
    assert isinstance(registry, LayoutRegistry)
    for sequence in range(last + 1, head.sequence + 1):
        oci_layout.untag(Path(registry.reference), str(ledger.tag("prod", sequence)))


def store(engine: Engine) -> RegistryCheckpoints:
    return RegistryCheckpoints(engine.runner.registry)
