"""Makes and loads the keys that sign ledger entries."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from engine.adapters.ledger.sealing import Sealing
from engine.bootstrap.timestamps import LazyTimestamps
from engine.config import Config, ProductChoice
from engine.config.signing_keys import SigningKey
from engine.domain.artifact import Digest
from engine.domain.errors import ConfigError, UnconfiguredError, UsageError
from engine.domain.public_key import KeyReference, PublicKey
from engine.ports import RegistryReader
from engine.ports.attestations import Attestation
from engine.ports.signer import Signer, TrustedKeys

if TYPE_CHECKING:
    from engine.attestation.keys import VerificationKey

_MAX_BYTES = 64 * 1024


def generate_key(kind: str, out: Path) -> "VerificationKey":
    """
    Write a new private key to `out` (mode 0600) and its public key beside it; return that one.

    UsageError if a file exists or cannot be written; then nothing is left behind.
    """
    signer = import_module("engine.adapters.signing").generate_key(kind)
    public = _public_key(signer)
    _create(out, signer.private_pem(), 0o600)
    try:
        _create(public_file(out), public.pem.encode(), 0o644)
    except UsageError:
        out.unlink()
        raise
    return public


def public_file(private: Path) -> Path:
    """Return the path of the public key that belongs to the file `private`."""
    return private.with_name(f"{private.name}.pub")


def show_key(file: Path) -> "VerificationKey":
    """Read the public key in `file`, or that of the private key in it."""
    keys = import_module("engine.attestation.keys")
    pem = _read(file)
    if b"-----BEGIN PUBLIC KEY" in pem:
        public: VerificationKey = keys.load_ledger_key(pem, str(file))
        return public
    return _public_key(
        import_module("engine.adapters.signing.pem").load_private_pem(pem, str(file))
    )


def read_public_key(file: Path) -> PublicKey:
    """Read the public key in `file`; UsageError if it is none."""
    return parse_public_key(_read(file), str(file))


def parse_key_reference(text: str, name: str) -> KeyReference:
    """Parse a public key in PEM, or return the ID of one."""
    return parse_public_key(text.encode(), name) if text.startswith("-----BEGIN") else text


def parse_public_key(pem: bytes, name: str) -> PublicKey:
    """Parse a key that may sign ledger entries; UsageError with `name` for anything else."""
    keys = import_module("engine.attestation.keys")
    try:
        return PublicKey.of_pem(keys.load_ledger_key(pem, name).pem)
    except ConfigError as error:
        raise UsageError(str(error)) from error


def show_configured_key(manifest: ProductChoice) -> "VerificationKey":
    """Read the public key of `ledger.signing.key`."""
    config = manifest.load(os.environ)
    config.require("ledger.signing")
    signer = signer_of(config)
    if signer is None:
        raise UnconfiguredError(
            f"{config.file} has no ledger.signing.key. Make a key: floe keys generate --out "
            "floe.key, and write: ledger: {signing: {key: file:floe.key}}"
        )
    return _public_key(signer)


def sealing_of(config: Config) -> Sealing:
    """How ledger entries are signed and verified."""
    pems = tuple(key.content for key in config.ledger.trusted_keys)
    signer = signer_of(config)
    if not pems and signer is None:
        _refuse_unverified(config)
        return Sealing()
    # Imported only with keys: cryptography is slow to import.
    ring = import_module("engine.adapters.signing.trust").KeyRing
    distrusted = tuple(
        parse_public_key(key.content, f"ledger.distrusted_keys[{number}]")
        for number, key in enumerate(config.ledger.distrusted_keys)
    )
    trusted: TrustedKeys = ring(pems, signer, frozenset(each.key_id for each in distrusted))
    adopted = frozenset(each.digest for each in config.ledger.adopted)
    settings = config.ledger.timestamp
    if settings is None:
        return Sealing(signer, trusted, adopted, distrusted=distrusted)
    timestamps = LazyTimestamps(settings)
    authority = timestamps if settings.url else None
    required = settings.required
    return Sealing(signer, trusted, adopted, authority, timestamps, required, distrusted)


def entry_keys(config: Config) -> tuple[str, ...]:
    """The keys whose entries count, in PEM."""
    trusted = sealing_of(config).trusted
    return tuple(each.public_key for each in trusted.listed()) if trusted else ()


def _refuse_unverified(config: Config) -> None:
    """Raise ConfigError if entries are signed, and this machine has no key to verify them."""
    unset = config.unset("ledger.signing")
    if unset:
        raise ConfigError(
            f"{unset[0]}, and ledger.trusted_keys is not configured, so the entries of the ledger "
            "cannot be verified: set the variable, or list the public key in ledger.trusted_keys"
        )


@dataclass(frozen=True)
class LazyAttestations:
    """Implements `engine.ports.attestations.AttestationReader`; cryptography loads slowly."""

    registry: RegistryReader
    trusted: TrustedKeys | None

    def read(
        self, subject: Digest, kind: str, key: bytes | None, known: Sequence[PublicKey] = ()
    ) -> Sequence[Attestation]:
        reader = import_module("engine.adapters.sigstore.attestations").AttachedStatements
        ring = import_module("engine.adapters.signing.trust").KeyRing
        found: Sequence[Attestation] = reader(
            self.registry, self.trusted, lambda pem: ring([pem])
        ).read(subject, kind, key, known)
        return found


def signer_of(config: Config) -> Signer | None:
    """The configured signer; None without one, or for a command that lacks its variable."""
    signing = config.ledger.signing
    return open_key(signing.key) if signing else None


def open_key(key: SigningKey | SecretStr) -> Signer | None:
    """The signer with `key`; None if its variable is not set."""
    if not isinstance(key, SigningKey):
        return None
    return LazySigner(key)


class LazySigner:
    """Loads a key when it is first used, since commands that only read do without it."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def public_key(self) -> bytes:
        return self._signer.public_key()

    def sign(self, message: bytes) -> bytes:
        return self._signer.sign(message)

    @cached_property
    def _signer(self) -> Signer:
        key = self._key
        pem = key.pem.get_secret_value() if key.pem else None
        signing = import_module("engine.adapters.signing")
        signer: Signer = signing.open_signer(key.kind, key.address, pem)
        return signer


def _public_key(signer: Signer) -> "VerificationKey":
    key: VerificationKey | None = import_module("engine.attestation.keys").load_der(
        signer.public_key()
    )
    if key is None:
        raise TypeError("a signer has a key of an unsupported kind")
    return key


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def _create(path: Path, content: bytes, mode: int) -> None:
    """Write a new file; UsageError if it exists or cannot be written."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags, mode), "wb") as file:
            file.write(content)
    except FileExistsError as error:
        raise UsageError(
            f"{path} already exists, and keys are never overwritten: choose another --out"
        ) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
