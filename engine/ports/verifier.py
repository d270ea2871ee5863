"""The verification of signatures."""

from typing import TYPE_CHECKING, Protocol

from engine.domain.artifact import Digest
from engine.domain.errors import UnconfiguredError
from engine.domain.manifest import Manifest
from engine.domain.signature import SignatureVerdict
from engine.ports.registry import RegistryReader

if TYPE_CHECKING:  # few commands need it
    from engine.domain.openvex import VexStatements


class Verifier(Protocol):
    """Verifies the signatures of artifacts."""

    def verify(self, registry: RegistryReader, manifest: Manifest) -> SignatureVerdict:
        """
        Verify the signatures that are attached to `manifest` in `registry`.

        A bad or missing signature is a verdict. RegistryUnavailableError if `registry` cannot be
        read.
        """
        ...

    def vex(self, registry: RegistryReader, artifact: Digest) -> "VexStatements | None":
        """
        Read the OpenVEX documents that are attached to `artifact` and signed by a configured key;
        None without keys. The others are `ignored`, with the reason. RegistryError if they cannot
        be listed.
        """
        ...


class NoVerifier:
    """Implements `Verifier` without keys and issuers: it raises UnconfiguredError."""

    def verify(self, registry: RegistryReader, manifest: Manifest) -> SignatureVerdict:  # noqa: ARG002 - the port's shape
        raise UnconfiguredError(
            f"The signature of {manifest.digest.short} cannot be verified: neither public_keys nor "
            "trusted_issuers are configured. Name one of them under artifacts.registry.verification"
        )

    def vex(self, registry: RegistryReader, artifact: Digest) -> None:
        """Without keys no document counts."""
