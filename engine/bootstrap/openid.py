"""The client of an OpenID provider for the command line, and the sign-ins that it verifies."""

from contextlib import closing

from pydantic import ValidationError

from engine.adapters.identity.token import Token
from engine.bootstrap.identity import token_verifier
from engine.config.issuers import OidcIssuer
from engine.domain.errors import AuthorizationError, ConfigError
from engine.domain.text import printable
from engine.runtime.bounded_http import ProxiedTransport
from engine.runtime.openid_client import (
    MAX_BYTES,
    SECONDS,
    OpenIdClient,
    Tokens,
)
from engine.runtime.sign_ins import SignIn

# The end of the year 9999: a token may name any later time, which cannot be shown.
_LATEST = 253_402_300_799


def openid_client(issuer: str, client_id: str) -> OpenIdClient:
    """
    The public client of the command line, through the proxies of the environment.

    Raises ConfigError for an issuer, which a server may have named, that others can intercept.
    """
    try:
        OidcIssuer(issuer=issuer, audience=client_id)
    except ValidationError as error:
        raise ConfigError(
            f"'{printable(issuer)[:200]}' is no https URL of a provider, so no one can sign in "
            "with it: check the address of the server and its identity.oidc"
        ) from error
    return OpenIdClient(
        issuer, client_id, "identity.oidc", lambda: ProxiedTransport(SECONDS, MAX_BYTES)
    )


def verified_sign_in(client: OpenIdClient, tokens: Tokens, nonce: str | None) -> SignIn:
    """
    Verify the ID token of `tokens`: its issuer, signature, audience and time, and its `nonce`
    unless that is None. AuthorizationError if anything differs.
    """
    entry = OidcIssuer(issuer=client.issuer, audience=client.client_id)
    with closing(token_verifier([entry])) as verifier:
        claims = verifier.claims(tokens.id_token)
    payload = Token.parse(tokens.id_token).payload
    if nonce is not None and payload.get("nonce") != nonce:
        raise AuthorizationError("The ID token belongs to another sign-in: run floe login again")
    if payload.get("azp", client.client_id) != client.client_id:
        named = printable(str(payload.get("azp")))[:100]
        raise AuthorizationError(
            f"The ID token of {client.issuer} was made for the client '{named}' and not for "
            f"'{client.client_id}': run floe login again"
        )
    return SignIn(
        issuer=client.issuer,
        client_id=client.client_id,
        operator_id=claims.id,
        expires_at=int(min(float(str(payload["exp"])), _LATEST)),
        id_token=tokens.id_token,
        refresh_token=tokens.refresh,
    )


def renewed(sign_in: SignIn) -> SignIn:
    """OpenID Connect Core 1.0, section 12.2: the new token names the same person."""
    if not sign_in.refresh_token:
        raise AuthorizationError("the provider gave no refresh token")
    client = openid_client(sign_in.issuer, sign_in.client_id)
    tokens = client.refresh(client.discover(), sign_in.refresh_token)
    renewed = verified_sign_in(client, tokens, None)
    if renewed.operator_id != sign_in.operator_id:
        raise AuthorizationError("the renewed token names another person")
    return renewed
