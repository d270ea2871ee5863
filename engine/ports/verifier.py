"""Who signed an artifact."""

from typing import Protocol

from engine.domain.errors import UnconfiguredError
from engine.domain.manifest import Manifest
from engine.domain.signature import SignatureVerdict
from engine.ports.registry import RegistryReader


class Verifier(Protocol):
    def verify(self, registry: RegistryReader, manifest: Manifest) -> SignatureVerdict:
        """
        Whether somebody who is trusted signed `manifest`, by what is attached to it in `registry`.

        A bad or missing signature is a verdict; only a registry that cannot be read is an error.
        """
        ...


class NoVerifier:
    """Implements `Verifier` where no key and no issuer is configured: nothing can be verified."""

    def verify(self, registry: RegistryReader, manifest: Manifest) -> SignatureVerdict:  # noqa: ARG002 - the port's shape
        raise UnconfiguredError(
            f"The signature of {manifest.digest.short} cannot be verified: neither public_keys nor "
            "trusted_issuers are configured. Name one of them under artifacts.registry.verification"
        )
