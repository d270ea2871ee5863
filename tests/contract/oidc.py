"""What the tests of issuers and of their keys share: a key, tokens, a clock set by hand."""

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
    """A good token of `issuer`, but for what `key` and `header` make of it."""
    return key.sign(claims(issuer.issuer), **header)


def refused(verifier: OidcVerifier, token: str) -> str:
    """The sentence that `token` is refused with."""
    with pytest.raises((AuthorizationError, IdentityUnavailableError)) as caught:
        verifier.claims(token)
    return str(caught.value)
