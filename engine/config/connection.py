"""Settings of a registry connection, with parsed address and resolved credentials."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from engine.config.addresses import LayoutAddress, RemoteAddress, parse_address
from engine.config.registries import AnonymousAuth, Auth, BasicAuth, RegistryEntry, TokenAuth

_HUB = dict.fromkeys(("docker.io", "index.docker.io"), "registry-1.docker.io")


@dataclass(frozen=True, slots=True)
class Credentials:
    """
    The credentials for a registry.

    `docker`: from docker's configuration; `basic`: `username` and `password`; `token`: the bearer
    token in `password`; `anonymous`: none.
    """

    type: Literal["docker", "basic", "token", "anonymous"] = "docker"
    username: SecretStr | None = None
    password: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class RemoteRegistry:
    """A repository behind the OCI distribution API; `host` includes the port if one is given."""

    host: str
    repository: str
    scheme: Literal["https", "http"]
    timeout_seconds: int
    ca_file: Path | None
    verify: bool
    credentials: Credentials
    kind: Literal["remote"] = "remote"

    @property
    def reference(self) -> str:
        return f"{self.host}/{self.repository}"

    @property
    def loopback(self) -> bool:
        return RemoteAddress(self.host, self.repository).loopback

    @property
    def canonical(self) -> str:
        """`host:port/repository`, equal for all spellings of one registry."""
        name, colon, port = self.host.lower().rpartition(":")
        if not colon or port.endswith("]"):
            name, port = self.host.lower(), "443" if self.scheme == "https" else "80"
        host = "localhost" if self.loopback else _HUB.get(name, name)
        return f"{host}:{int(port)}/{self.repository}"


@dataclass(frozen=True, slots=True)
class EmbeddedRegistry:
    """An OCI image layout on this machine."""

    layout: Path
    kind: Literal["layout"] = "layout"

    @property
    def reference(self) -> str:
        return str(self.layout)


RegistrySettings = RemoteRegistry | EmbeddedRegistry


def registry_settings(entry: RegistryEntry, base: Path) -> RegistrySettings:
    """Build the settings of `entry`; the path of a layout is relative to `base`."""
    address = parse_address(entry.uri)
    if isinstance(address, LayoutAddress):
        return EmbeddedRegistry(base / address.path)
    return RemoteRegistry(
        host=address.host,
        repository=address.repository,
        scheme="http" if _plain(entry, address) else "https",
        timeout_seconds=entry.timeout_seconds,
        ca_file=entry.tls.ca_file,
        verify=entry.tls.verify,
        credentials=_credentials(entry.auth),
    )


def _plain(entry: RegistryEntry, address: RemoteAddress) -> bool:
    """Whether to use plain http: as configured, else on loopback without TLS settings."""
    asked = entry.tls.insecure if entry.insecure is None else entry.insecure
    if asked is not None:
        return asked
    return address.loopback and entry.tls.ca_file is None and entry.tls.verify


def _credentials(auth: Auth) -> Credentials:
    match auth:
        case BasicAuth():
            username = auth.username_env or auth.username
            return Credentials("basic", username, auth.password_env or auth.password)
        case TokenAuth():
            return Credentials("token", password=auth.token_env or auth.token)
        case AnonymousAuth():
            return Credentials("anonymous")
        case _:
            return Credentials("docker")
