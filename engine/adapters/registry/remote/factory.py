"""Opens a repository in a remote registry."""

import re
from collections.abc import Sequence
from pathlib import Path

from engine.adapters.registry.remote.auth.authenticator import Authenticator
from engine.adapters.registry.remote.auth.sources import CredentialSource
from engine.adapters.registry.remote.auth.token_service import TokenService
from engine.adapters.registry.remote.auth.user_check import UserNames
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.adapters.registry.remote.session import Session
from engine.adapters.registry.remote.transport import PAUSES, Observer, Transport, tls_context
from engine.domain.errors import ConfigError
from engine.domain.text import printable

# The API of Docker Hub has another host than its name.
_HUB = frozenset({"docker.io", "index.docker.io"})
_HUB_HOST = "registry-1.docker.io"
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?", re.ASCII)
# distribution-spec 1.1, "Pulling manifests".
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)


def open_registry(
    host: str,
    repository: str,
    *,
    credentials: CredentialSource,
    scheme: str = "https",
    timeout_seconds: float = 30.0,
    ca_file: Path | None = None,
    verify: bool = True,
    on_request: Observer | None = None,
    pauses: Sequence[float] = PAUSES,
    transport: Transport | None = None,
) -> DistributionRegistry:
    """
    Open the repository `host/repository`; nothing is sent yet. The caller closes it, unless others
    share its `transport`.

    `scheme` `http` is for loopback and for registries configured as insecure. `on_request` is
    called with method and path of every request; `pauses` are the seconds before each retry.
    ConfigError if host or repository are not valid.
    """
    if not _HOST.fullmatch(host) or not _REPOSITORY.fullmatch(repository):
        raise ConfigError(
            f"artifacts.registry.uri: '{printable(f'{host}/{repository}')}' is not a repository: "
            "use oci://host[:port]/name, with the name in lower case"
        )
    root = f"{scheme}://{_HUB_HOST if host in _HUB else host}"
    if transport is None:
        transport = Transport(tls_context(ca_file, verify), on_request, pauses)
    tokens = TokenService(transport, host, plain_http=scheme == "http")
    reference = f"{host}/{repository}"
    authenticator = Authenticator(host, lambda: credentials(reference), tokens)
    user_names = UserNames(transport, tokens, host, f"{root}/v2/")
    session = Session(transport, root, repository, authenticator, user_names)
    return DistributionRegistry(session, root, repository, reference, timeout_seconds)
