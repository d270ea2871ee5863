"""The kinds of credentials a registry accepts."""

from dataclasses import dataclass, field

from engine.domain.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Password:
    """A user and a password, or whatever the registry gave out in its place."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A refresh token, which names nobody: exchanged for access tokens (OAuth2)."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BearerToken:
    """An access token that is sent as it is; ConfigError for one that no header can carry."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not (self.token.isascii() and self.token.isprintable() and self.token.strip()):
            raise ConfigError(
                "the registry token has characters that no token has: set it again, on one line"
            )


Credential = Password | IdentityToken | BearerToken
