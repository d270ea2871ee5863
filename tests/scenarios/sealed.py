"""Engines that sign ledger entries, and engines of strangers who write to the same registry."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.signing import PemSigner, generate_key
from engine.adapters.signing.trust import KeyRing
from engine.api import Engine
from engine.attestation.keys import load_der
from engine.domain.errors import SigningUnavailableError
from tests.conftest import Place
from tests.scenarios.engines import engine_on

OWN, OTHER = generate_key("ecdsa"), generate_key("ed25519")


class BrokenSigner:
    """Implements `engine.ports.signer.Signer`: a service that does not answer."""

    def public_key(self) -> bytes:
        return OWN.public_key()

    def sign(self, message: bytes) -> bytes:
        raise SigningUnavailableError("awskms:alias/floe cannot sign, so nothing was written")


def trust(*signers: PemSigner) -> KeyRing:
    """Trust the public keys of `signers`."""
    keys = [load_der(signer.public_key()) for signer in signers]
    return KeyRing([key.pem.encode() for key in keys if key])


def pems(*signers: PemSigner) -> list[str]:
    """The public keys of `signers`."""
    return [key.public_key for key in trust(*signers).listed()]


SIGNING = Sealing(OWN, trust(OWN))


@contextmanager
def writer(place: Place, folder: Path, sealing: Sealing | None = SIGNING) -> Iterator[Engine]:
    """A person with write access, on a machine of their own."""
    folder.mkdir(exist_ok=True)
    with engine_on(place.registry, folder, sealing=sealing) as engine:
        yield engine
