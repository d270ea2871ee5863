"""Verifies signatures of cosign and sigstore, without network access."""

from engine.adapters.sigstore.identity import TrustedIssuer
from engine.adapters.sigstore.verifier import SigstoreVerifier

__all__ = ["SigstoreVerifier", "TrustedIssuer"]
