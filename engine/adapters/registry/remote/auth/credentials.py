"""The kinds of credentials a registry accepts."""

from dataclasses import dataclass, field

from engine.domain.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Password:
    """A user name and a password, or a token that is used as a password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A refresh token without a user name, exchanged for access tokens (OAuth2)."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BearerToken:
    """An access token, sent unchanged; ConfigError if it is not valid in a header."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not (self.token.isascii() and self.token.isprintable() and self.token.strip()):
            raise ConfigError(
                "the registry token has invalid characters: set it again, on one line"
            )


Credential = Password | IdentityToken | BearerToken
