"""Addresses of registries: `oci://host[:port]/repository`, or `oci-layout:DIRECTORY`."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import PurePath

# https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(
    rf"(?P<name>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{{1,5}}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """A repository of a registry; `host` includes the port if one is given."""

    host: str
    repository: str

    @property
    def loopback(self) -> bool:
        match = _HOST.fullmatch(self.host)
        return match is not None and is_loopback(match["name"].strip("[]"))


@dataclass(frozen=True, slots=True)
class LayoutAddress:
    """An OCI image layout on disk; `path` is spelled as in the file."""

    path: PurePath


Address = RemoteAddress | LayoutAddress


def parse_address(uri: str) -> Address:
    """Parse `uri`; the ValueError never repeats it, because it may contain a password."""
    if uri.startswith("oci-layout:"):
        path = uri.removeprefix("oci-layout:")
        if not path.strip() or "\0" in path or path.startswith("//"):
            raise ValueError("needs a directory after oci-layout:, like oci-layout:./registry")
        return LayoutAddress(PurePath(path))
    if not uri.startswith("oci://"):
        raise ValueError("must be oci://host[:port]/repository or oci-layout:DIRECTORY")
    host, _, repository = uri.removeprefix("oci://").partition("/")
    if "@" in host:
        raise ValueError("must not contain a user name or password: they belong under auth")
    _check_host(host)
    _check_repository(repository)
    return RemoteAddress(host.lower(), repository)


def is_loopback(name: str) -> bool:
    """Whether `name` (without port or brackets) always means this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _check_host(host: str) -> None:
    match = _HOST.fullmatch(host)
    if not match or len(match["name"]) > 253:
        raise ValueError("must be oci://host[:port]/repository, and its host is not valid")
    if match["port"] and not 1 <= int(match["port"]) <= 65535:
        raise ValueError("has a port that is not between 1 and 65535")
    if match["name"].startswith("["):
        try:
            ipaddress.IPv6Address(match["name"].strip("[]"))
        except ValueError as error:
            raise ValueError("has brackets without an IPv6 address in them") from error


def _check_repository(repository: str) -> None:
    if not repository:
        raise ValueError("has no repository: write oci://host/repository")
    if ":" in repository or "@" in repository:
        raise ValueError("must end with the repository, without a tag or digest")
    if not _REPOSITORY.fullmatch(repository) or len(repository) > 255:
        raise ValueError(
            "has an invalid repository: write lower case letters and digits, separated by '.', "
            "'_', '-' or '/'"
        )
