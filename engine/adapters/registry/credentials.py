"""What a registry may be shown to let us in, and where that comes from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

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
# Called with `host[:port]/repository`, at most once, and only when the registry asks who we are.
CredentialSource = Callable[[str], Credential | None]


def anonymous(reference: str) -> None:
    """No credentials for anybody."""


def always(credential: Credential) -> CredentialSource:
    """The one credential that was configured (`basic` and `token`)."""
    return lambda _reference: credential


def docker(reference: str) -> Credential | None:
    """What `docker`, `podman` or `skopeo login` left; ConfigError for a file that is unreadable."""
    # Loaded by name and late: oras and the credential helpers cost more than a whole `--help`,
    # and a registry that never asks who we are never needs them.
    reader = import_module("engine.adapters.registry.docker_config")
    found: Credential | None = reader.credential_of(reference)
    return found
