"""Shared set-up for tests of issuers: a key, tokens, and a clock that is set by hand."""

from typing import Any

import pytest

from engine.adapters.identity import OidcVerifier
from engine.domain.errors import AuthorizationError, IdentityUnavailableError
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims

KEY = SigningKey.new("ES256", "key-1")


class ManualClock:
    def __init__(self) -> None:
        self.seconds = 5000.0

    def __call__(self) -> float:
        return self.seconds


def token(issuer: FakeIssuer, key: SigningKey = KEY, **header: Any) -> str:
    """Make a valid token of `issuer`, unless `key` or `header` make it invalid."""
    return key.sign(claims(issuer.issuer), **header)


def refused(verifier: OidcVerifier, token: str) -> str:
    """Return the error message for `token`."""
    with pytest.raises((AuthorizationError, IdentityUnavailableError)) as caught:
        verifier.claims(token)
    return str(caught.value)
