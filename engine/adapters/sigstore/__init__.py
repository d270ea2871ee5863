"""Signatures of artifacts, as cosign and sigstore make them, verified without a network."""

from engine.adapters.sigstore.identity import TrustedIssuer
from engine.adapters.sigstore.verifier import SigstoreVerifier

__all__ = ["SigstoreVerifier", "TrustedIssuer"]
