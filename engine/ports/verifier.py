"""The verification of signatures."""

from typing import Protocol

from engine.domain.errors import UnconfiguredError
from engine.domain.manifest import Manifest
from engine.domain.signature import SignatureVerdict
from engine.ports.registry import RegistryReader


class Verifier(Protocol):
    """Verifies the signatures of artifacts."""

    def verify(self, registry: RegistryReader, manifest: Manifest) -> SignatureVerdict:
        """
        Verify the signatures that are attached to `manifest` in `registry`.

        A bad or missing signature is a verdict. RegistryUnavailableError if `registry` cannot be
        read.
        """
        ...


class NoVerifier:
    """Implements `Verifier` without keys and issuers: it raises UnconfiguredError."""

    def verify(self, registry: RegistryReader, manifest: Manifest) -> SignatureVerdict:  # noqa: ARG002 - the port's shape
        raise UnconfiguredError(
            f"The signature of {manifest.digest.short} cannot be verified: neither public_keys nor "
            "trusted_issuers are configured. Name one of them under artifacts.registry.verification"
        )
