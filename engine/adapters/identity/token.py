"""One token: what it says of itself, and what of that is proven (RFC 7519, RFC 8725)."""

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
# What an ID token must have: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
_REQUIRED = ["iss", "sub", "aud", "exp", "iat"]
# A token that calls itself anything else (a logout token, say) is no sign-in: RFC 8725, 3.11.
_KINDS = frozenset({"jwt", "application/jwt", "at+jwt", "application/at+jwt"})


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it came: neither `header` nor `payload` is proven. It is never shown."""

    text: str = field(repr=False)
    header: Mapping[str, object] = field(repr=False)
    payload: Mapping[str, object] = field(repr=False)

    @classmethod
    def read(cls, text: str) -> Self:
        text = text.strip()
        if len(text) > _MAX_BYTES:
            raise AuthorizationError(
                f"the OIDC token has more than {_MAX_BYTES // 1024} KiB: have the issuer put "
                "fewer claims into it"
            )
        try:
            parts = jwt.decode_complete(text, options={"verify_signature": False})
        except (jwt.PyJWTError, UnicodeEncodeError) as error:
            raise AuthorizationError(
                "the OIDC token is no signed JSON Web Token: give it as the issuer gave it, "
                "without anything around it"
            ) from error
        return cls(text, parts["header"], parts["payload"])

    @property
    def issuer(self) -> str:
        """Whom it names as its issuer, to be shown."""
        return printable(str(self.payload.get("iss")))[:200]

    @property
    def key_id(self) -> str | None:
        named = self.header.get("kid")
        return named if isinstance(named, str) else None

    def algorithm(self) -> str:
        """What it is signed with, if that can prove who signed it, and if it is for signing in."""
        algorithm, kind = self.header.get("alg"), self.header.get("typ", "JWT")
        if not isinstance(algorithm, str) or algorithm not in ASYMMETRIC:
            raise AuthorizationError(
                f"the OIDC token from {self.issuer} is not signed in a way that proves who signed "
                f"it: have the issuer use one of {', '.join(sorted(ASYMMETRIC))}"
            )
        if not isinstance(kind, str) or kind.lower() not in _KINDS:
            raise AuthorizationError(
                f"the OIDC token from {self.issuer} is made for something other than signing in: "
                "give an ID token, or an access token"
            )
        return algorithm

    def verified(
        self, keys: tuple[Key, ...], issuer: str, audiences: list[str]
    ) -> Mapping[str, object]:
        """The payload, once one of `keys` has signed it and its claims hold."""
        algorithm = self.algorithm()
        for key in keys:
            if algorithm not in key.algorithms:
                continue
            # Keys may share an id; one that cannot be used is as good as one that did not sign.
            with suppress(jwt.InvalidSignatureError, jwt.InvalidKeyError), self._judged(audiences):
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
    def _judged(self, audiences: list[str]) -> Iterator[None]:
        """What is wrong with the claims of a token whose signature is right, in words."""
        source = f"the OIDC token from {self.issuer}"
        try:
            yield
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
            raise
        except jwt.ExpiredSignatureError as error:
            ended = _moment(self.payload.get("exp"))
            raise AuthorizationError(f"{source} expired{ended}: get a new one") from error
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
                f"{source} has a claim of the wrong kind: have the issuer follow RFC 7519"
            ) from error

    def _audience(self) -> str:
        named = self.payload.get("aud")
        names = named if isinstance(named, list) else [named]
        return printable(", ".join(f"'{name}'" for name in names))[:200]


def _moment(seconds: object) -> str:
    """` at …`, where a calendar has that moment."""
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(seconds, int | float):
            return f" at {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return ""
