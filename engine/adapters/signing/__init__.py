"""Signs with a private key from PEM or from a key management service. Slow to import."""

from engine.adapters.signing.loading import open_signer
from engine.adapters.signing.pem import PemSigner, generate_key

__all__ = ["PemSigner", "generate_key", "open_signer"]
