"""The sources of credentials: none, the configured one, or the files of `docker login`."""

from collections.abc import Callable
from importlib import import_module

from engine.adapters.registry.remote.auth.credentials import Credential

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
    reader = import_module("engine.adapters.registry.remote.auth.docker_config")
    found: Credential | None = reader.credential_of(reference)
    return found
