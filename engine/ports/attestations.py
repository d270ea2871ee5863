"""The signed statements that are attached to artifacts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.domain.artifact import Digest
from engine.domain.public_key import PublicKey


@dataclass(frozen=True, slots=True)
class Attestation:
    """
    An attached statement, at `place` for people. `manifest` is the digest of its manifest.

    `signer` is the fingerprint of the trusted key that signed it; None if it is `refused`.
    """

    place: str
    manifest: Digest | None
    signer: str | None = None
    refused: str | None = None


class AttestationReader(Protocol):
    """Reads and verifies the statements in one repository."""

    def read(
        self, subject: Digest, kind: str, key: bytes | None, known: Sequence[PublicKey] = ()
    ) -> Sequence[Attestation]:
        """
        Read the statements of the predicate type `kind` that are attached to `subject`, as cosign
        does; also those that cannot be read, which may be of that type.

        They are judged by the public `key` (PEM), or by ledger.trusted_keys and the `known` keys
        of the ledger. UnconfiguredError without any, ConfigError for an unusable key, RegistryError
        if the registry cannot be read. Two requests for each statement.
        """
        ...
