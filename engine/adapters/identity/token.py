"""Parses and verifies one JSON Web Token (RFC 7519, RFC 8725)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import jwt

from engine.adapters.identity.keys import ASYMMETRIC, Key
from engine.domain.errors import AuthorizationError
from engine.domain.text import printable

_MAX_BYTES = 16 * 1024
_LEEWAY_SECONDS = 60
# Required in ID tokens: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
_REQUIRED = ["iss", "sub", "aud", "exp", "iat"]
# Other types, such as logout tokens, are not accepted for signing in (RFC 8725, 3.11).
_KINDS = frozenset({"jwt", "application/jwt", "at+jwt", "application/at+jwt"})


@dataclass(frozen=True, slots=True)
class Token:
    """A parsed token; `header` and `payload` are not verified. It is never shown."""

    text: str = field(repr=False)
    header: Mapping[str, object] = field(repr=False)
    payload: Mapping[str, object] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        text = text.strip()
        if len(text) > _MAX_BYTES:
            raise AuthorizationError(
                f"the OIDC token has more than {_MAX_BYTES // 1024} KiB: have the issuer send "
                "fewer claims"
            )
        try:
            parts = jwt.decode_complete(text, options={"verify_signature": False})
        except (jwt.PyJWTError, UnicodeEncodeError) as error:
            raise AuthorizationError(
                "the OIDC token is not a signed JSON Web Token: pass it exactly as the issuer "
                "sent it"
            ) from error
        return cls(text, parts["header"], parts["payload"])

    @property
    def issuer(self) -> str:
        """The unverified `iss` claim, for messages."""
        return printable(str(self.payload.get("iss")))[:200]

    @property
    def key_id(self) -> str | None:
        named = self.header.get("kid")
        return named if isinstance(named, str) else None

    def algorithm(self) -> str:
        """The algorithm; AuthorizationError if it is not asymmetric or the type is wrong."""
        algorithm, kind = self.header.get("alg"), self.header.get("typ", "JWT")
        if not isinstance(algorithm, str) or algorithm not in ASYMMETRIC:
            raise AuthorizationError(
                f"the OIDC token from {self.issuer} is not signed with a public-key algorithm: "
                f"have the issuer use one of {', '.join(sorted(ASYMMETRIC))}"
            )
        if not isinstance(kind, str) or kind.lower() not in _KINDS:
            raise AuthorizationError(
                f"the OIDC token from {self.issuer} is not for signing in: use an ID token or an "
                "access token"
            )
        return algorithm

    def verify(
        self, keys: tuple[Key, ...], issuer: str, audiences: list[str]
    ) -> Mapping[str, object]:
        """Verify the signature by one of `keys` and the claims, and return the payload."""
        algorithm = self.algorithm()
        for key in keys:
            if algorithm not in key.algorithms:
                continue
            # Keys may share an id, so the next one is tried if this one does not match.
            with (
                suppress(jwt.InvalidSignatureError, jwt.InvalidKeyError),
                self._translated(audiences),
            ):
                payload: Mapping[str, object] = jwt.decode(
                    self.text,
                    jwt.PyJWK(dict(key.jwk), algorithm),
                    algorithms=[algorithm],
                    issuer=issuer,
                    audience=audiences,
                    leeway=_LEEWAY_SECONDS,
                    options={"require": _REQUIRED, "enforce_minimum_key_length": True},
                )
                return payload
        raise AuthorizationError(
            f"the OIDC token from {self.issuer} is not signed by a key that this issuer publishes: "
            "get a new one"
        )

    @contextmanager
    def _translated(self, audiences: list[str]) -> Iterator[None]:
        """Turn errors about claims into AuthorizationError."""
        source = f"the OIDC token from {self.issuer}"
        try:
            yield
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
            raise
        except jwt.ExpiredSignatureError as error:
            at = _at(self.payload.get("exp"))
            raise AuthorizationError(f"{source} expired{at}: get a new one") from error
        except jwt.ImmatureSignatureError as error:
            raise AuthorizationError(
                f"{source} is not valid yet: compare the clock of this machine with the issuer's"
            ) from error
        except jwt.InvalidAudienceError as error:
            wanted = " or ".join(f"'{audience}'" for audience in audiences)
            raise AuthorizationError(
                f"{source} is meant for {self._audience()}: get one for the audience {wanted}"
            ) from error
        except jwt.MissingRequiredClaimError as error:
            raise AuthorizationError(
                f"{source} lacks the claim '{error.claim}': have the issuer include it"
            ) from error
        except jwt.PyJWTError as error:
            raise AuthorizationError(
                f"{source} has a claim of the wrong type: have the issuer follow RFC 7519"
            ) from error

    def _audience(self) -> str:
        named = self.payload.get("aud")
        names = named if isinstance(named, list) else [named]
        return printable(", ".join(f"'{name}'" for name in names))[:200]


def _at(seconds: object) -> str:
    """` at <time>`; empty if `seconds` is not a valid time."""
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(seconds, int | float):
            return f" at {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return ""
