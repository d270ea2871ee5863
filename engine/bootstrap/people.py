"""Who gives a command on this machine, and who people are."""

import os
from contextlib import closing
from importlib import import_module

from engine.config import Config
from engine.config.connection import EmbeddedRegistry, RemoteRegistry
from engine.domain.errors import ConfigError
from engine.domain.identity import Claims, Directory, os_claims, registry_claims
from engine.domain.operator import Operator
from engine.ports import (
    Vouching,
)


def local_operator(config: Config, registry: object) -> Operator:
    """
    Who gives a command on this machine: the holder of FLOE_ID_TOKEN, else the user whose
    credentials the registry just accepted, else the OS user, for whom nobody vouches unless the
    manifest says so.
    """
    claims = _token_claims(config, os.environ.get("FLOE_ID_TOKEN", "").strip())
    if claims is None and isinstance(config.registry, RemoteRegistry):
        user = registry.sign_in() if isinstance(registry, Vouching) else None
        claims = registry_claims(config.registry.host, user, primary=True) if user else None
    if claims is None:
        embedded = isinstance(config.registry, EmbeddedRegistry)
        claims = os_claims(_os_user(), trusted=embedded and config.identity.trust_os_user)
    return directory_of(config).operator(claims)


def _token_claims(config: Config, token: str) -> Claims | None:
    """Whom a token speaks of; a token that does not hold is an error and never another identity."""
    if not token:
        return None
    if not config.identity.oidc:
        raise ConfigError(
            "FLOE_ID_TOKEN is set and identity.oidc names no issuer to check it with: name the "
            "issuer in manifest.yaml, or unset the variable"
        )
    identity = import_module("engine.adapters.identity")
    issuers = tuple(
        identity.OidcSettings(o.issuer, o.audience, o.operator_claim, o.groups_claim)
        for o in config.identity.oidc
    )
    with closing(identity.OidcVerifier(issuers)) as verifier:
        claims: Claims = verifier.claims(token)
    return claims


def _os_user() -> str:
    """By the user id: $USER, which getpass.getuser() believes, can be set to anything."""
    try:
        return str(import_module("pwd").getpwuid(os.getuid()).pw_name)
    except KeyError:
        return f"uid-{os.getuid()}"


def directory_of(config: Config) -> Directory:
    return Directory.of(config.identity.aliases, config.identity.groups)
