"""
Reads the credentials of docker, podman and skopeo: from files and credential helpers.

https://docs.docker.com/reference/cli/docker/login/#credential-stores
https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
"""

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from oras.utils import find_docker_config, read_json
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from engine.adapters.registry.remote.auth.credentials import (
    BearerToken,
    Credential,
    IdentityToken,
    Password,
)
from engine.domain.errors import ConfigError, RegistryAccessError
from engine.domain.text import printable

_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HUB_KEY = "https://index.docker.io/v1/"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_HELPER_SECONDS = 10.0
# Docker's user name for identity tokens.
_TOKEN_USER = "<token>"  # noqa: S105 - a user name

_Value = TypeVar("_Value")
_NoNull = BeforeValidator(lambda value: {} if value is None else value)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore")

    auth: str | None = None
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    identitytoken: str | None = None
    registrytoken: str | None = None


class _DockerConfig(BaseModel):
    model_config = ConfigDict(extra="ignore")

    auths: Annotated[dict[str, _Entry], _NoNull] = Field(default_factory=dict)
    helpers: Annotated[dict[str, str], _NoNull] = Field(default_factory=dict, alias="credHelpers")
    store: str | None = Field(default=None, alias="credsStore")


class _HelperOutput(BaseModel):
    user: str = Field(alias="Username")
    secret: str = Field(alias="Secret", repr=False)


def credential_of(reference: str) -> Credential | None:
    """
    The credential for `reference` (`name[:port][/repository]`); None if there is none.

    The first file with a credential counts; as in docker, its helper comes before its entries.
    ConfigError if a file cannot be read, RegistryAccessError if a helper fails.
    """
    # Unlike `Path.exists`, `os.access` does not raise in a directory without access.
    paths = (path for path in _paths() if os.access(path, os.F_OK))
    found = (_find_in(path, reference) for path in paths)
    return next((credential for credential in found if credential), None)


def _find_in(path: Path, reference: str) -> Credential | None:
    config = _load(path)
    host = reference.partition("/")[0]
    server = _HUB_KEY if host in _HUB else host
    helper = _of(config.helpers, host) or config.store
    if helper and (credential := _ask_helper(helper, server)):
        return credential
    known = (_credential(entry, path, host) for entry in _entries(config.auths, reference))
    return next((credential for credential in known if credential), None)


def _paths() -> Iterator[Path]:
    """The files to read, in order: REGISTRY_AUTH_FILE, docker's file, podman's file."""
    if chosen := os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(chosen)
    # As in docker, DOCKER_CONFIG replaces the default, the only place that oras knows.
    if folder := os.environ.get("DOCKER_CONFIG"):
        yield Path(folder) / "config.json"
    elif default := find_docker_config():
        yield Path(default)
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers" / "auth.json"
    else:
        yield Path(f"/run/containers/{os.getuid()}/auth.json")


def _entries(auths: dict[str, _Entry], reference: str) -> Iterator[_Entry]:
    """Entries for `reference`, the longest namespace first, the host last."""
    host, _, repository = reference.partition("/")
    parts = ["docker.io" if host in _HUB else host, *filter(None, repository.split("/"))]
    for length in range(len(parts), 1, -1):
        if entry := auths.get("/".join(parts[:length])):
            yield entry
    if entry := _of(auths, host):
        yield entry


def _load(path: Path) -> _DockerConfig:
    try:
        return _DockerConfig.model_validate(read_json(str(path)))
    except (OSError, ValueError) as error:
        # The message must not quote the file, which contains passwords.
        fields = (
            {".".join(map(str, item["loc"])) for item in error.errors(include_input=False)}
            if isinstance(error, ValidationError)
            else {type(error).__name__}
        )
        raise ConfigError(
            f"the credentials in {path} cannot be read ({', '.join(sorted(fields))}): "
            "repair the file, or log in again with `docker login` or `podman login`"
        ) from error


def _of(entries: dict[str, _Value], host: str) -> _Value | None:
    """The entry for `host`: an exact key, else an equivalent one."""
    if host in entries:
        return entries[host]
    wanted = _HUB if host in _HUB else {host}
    return next((value for key, value in entries.items() if _host_of(key) in wanted), None)


def _host_of(key: str) -> str:
    """The host of a key: docker writes `host`, `https://host`, `https://host/v1/` and more."""
    bare = re.sub(r"^https?://", "", key)
    return re.sub(r"/(v[12]/?)?$", "", bare)


def _credential(entry: _Entry, path: Path, host: str) -> Credential | None:
    if entry.identitytoken:
        return IdentityToken(entry.identitytoken)
    if entry.registrytoken:
        return BearerToken(entry.registrytoken)
    if entry.auth:
        user, colon, password = _decode(entry.auth, path, host).partition(":")
        if not colon:
            raise _unreadable(path, host)
        return _password(user, password)
    if entry.username and entry.password:
        return _password(entry.username, entry.password)
    return None


def _decode(auth: str, path: Path, host: str) -> str:
    try:
        # Some tools pad the text with NUL before encoding.
        return base64.b64decode(auth, validate=True).decode().rstrip("\x00")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _unreadable(path, host) from error


def _unreadable(path: Path, host: str) -> ConfigError:
    return ConfigError(
        f"the entry for {host} in {path} is not `user:password` in base64: "
        f"log in again with `docker login {host}`"
    )


def _password(user: str, secret: str) -> Credential:
    return IdentityToken(secret) if user == _TOKEN_USER else Password(user, secret)


def _ask_helper(helper: str, server: str) -> Credential | None:
    """Run `docker-credential-<helper> get` for `server`; None if it has no credential."""
    if not _HELPER.fullmatch(helper):
        raise ConfigError(
            f"'{printable(helper)}' is not a valid name of a credential helper: correct docker's "
            "config.json"
        )
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RegistryAccessError(
            f"{program}, the credential helper for {server}, does not run "
            f"({type(error).__name__}): install it, or remove it from docker's config.json"
        ) from error
    if done.returncode != 0:
        _check_not_found(program, server, done.stdout + done.stderr)
        return None
    try:
        found = _HelperOutput.model_validate(json.loads(done.stdout))
    except ValueError as error:
        raise RegistryAccessError(
            f"{program} printed no valid credential for {server}: run it by hand"
        ) from error
    return _password(found.user, found.secret)


def _check_not_found(program: str, server: str, output: bytes) -> None:
    text = printable(output.decode(errors="replace").strip())[:200]
    if "not found" in text.lower():
        return
    raise RegistryAccessError(
        f"{program} failed for {server} ({text or 'no output'}): run it by hand, "
        "or remove it from docker's config.json"
    )
