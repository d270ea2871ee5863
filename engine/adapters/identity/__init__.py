"""Sign-in with OIDC tokens. Slow to import, so it is loaded only when a token is used."""

from engine.adapters.identity.claims import OidcSettings
from engine.adapters.identity.oidc import OidcVerifier

__all__ = ["OidcSettings", "OidcVerifier"]
