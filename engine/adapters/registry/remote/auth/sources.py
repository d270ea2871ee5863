"""Sources of credentials: none, the configured one, or the files of `docker login`."""

from collections.abc import Callable
from importlib import import_module

from engine.adapters.registry.remote.auth.credentials import Credential

# Called with `host[:port]/repository`, and only when the registry asks for credentials.
CredentialSource = Callable[[str], Credential | None]


def anonymous(reference: str) -> None:
    """Return no credentials."""


def always(credential: Credential) -> CredentialSource:
    """A source that always returns `credential` (for `basic` and `token`)."""
    return lambda _reference: credential


def docker(reference: str) -> Credential | None:
    """The credential of `docker`, `podman` or `skopeo login`; ConfigError for unreadable files."""
    # Loaded late, since oras is slow to import, and anonymous registries do not need it.
    reader = import_module("engine.adapters.registry.remote.auth.docker_config")
    found: Credential | None = reader.credential_of(reference)
    return found
