"""Sign-in by OIDC token. Importing it takes a while, so it is loaded when a token is given."""

from engine.adapters.identity.claims import OidcSettings
from engine.adapters.identity.oidc import OidcVerifier

__all__ = ["OidcSettings", "OidcVerifier"]
