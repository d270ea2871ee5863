"""Builds identities: the local operator, token verifiers, groups and rights."""

import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from engine.api import Engine
from engine.config import Config, ServerConfig
from engine.config.connection import EmbeddedRegistry, RemoteRegistry
from engine.config.issuers import IssuerRules, OidcIssuer, OidcSignIn
from engine.config.roles import roles_of
from engine.domain.environment import Environment
from engine.domain.errors import ConfigError
from engine.domain.identity import Claims, Directory, UserCheck, os_claims, registry_claims
from engine.domain.operator import Operator
from engine.domain.rights import Rights
from engine.domain.roles import RoleKind
from engine.ports import (
    AuthenticatingRegistry,
)

if TYPE_CHECKING:
    from engine.adapters.identity import OidcVerifier
    from engine.changes.memberships import People

_NOT_ASKED = UserCheck(
    False,
    "registry users are verified only where manifest.yaml sets identity.registry_users: "
    "{verified: true}",
)


def local_operator(config: Config, engine: Engine) -> Operator:
    """
    The operator of a command: the holder of FLOE_ID_TOKEN, else the person of `floe login`, else
    the user whose credentials the registry accepted, else the OS user. These users are verified
    only if the manifest says so, and a registry user only if the registry verifies user names.
    """
    token = os.environ.get("FLOE_ID_TOKEN", "").strip() or _signed_in_token(config)
    claims = _token_claims(config, token)
    if claims is None and isinstance(config.registry, RemoteRegistry):
        claims = _registry_claims(config, config.registry.host, engine.runner.registry)
    if claims is None:
        embedded = isinstance(config.registry, EmbeddedRegistry)
        trusted = embedded and config.identity.trust_os_user
        claims = os_claims(_os_user(), trusted=trusted, sign_in=bool(config.identity.oidc))
    return directory_of(config).operator(claims)


def check_registry_user(registry: object) -> UserCheck | None:
    """
    Check that `registry` verifies user names, once per run, within 10 seconds; None if it does not
    ask for a user name and password.
    """
    if not isinstance(registry, AuthenticatingRegistry) or not registry.sign_in():
        return None
    return registry.check_user()


def _registry_claims(config: Config, host: str, registry: object) -> Claims | None:
    """The user whose password the registry accepted; checked only if configured as verified."""
    user = registry.sign_in() if isinstance(registry, AuthenticatingRegistry) else None
    if not user or not isinstance(registry, AuthenticatingRegistry):
        return None
    counts = config.identity.registry_users.verified
    check = registry.check_user() if counts else _NOT_ASKED
    return registry_claims(host, user, check, sign_in=bool(config.identity.oidc))


def _signed_in_token(config: Config) -> str:
    """The token of `floe login` for an issuer of the manifest; empty without one."""
    if not config.identity.oidc:
        return ""
    found: str = import_module("engine.bootstrap.sign_in").local_token(config.identity.oidc)
    return found


def _token_claims(config: Config, token: str) -> Claims | None:
    """The claims of `token`; an invalid token is an error and never another identity."""
    if not token:
        return None
    if not config.identity.oidc:
        raise ConfigError(
            "FLOE_ID_TOKEN is set, but identity.oidc has no issuer to verify it: add the issuer to "
            "manifest.yaml, or unset the variable"
        )
    with closing(token_verifier(config.identity.oidc)) as verifier:
        return verifier.claims(token)


def token_verifier(issuers: Iterable[OidcIssuer]) -> "OidcVerifier":
    """The verifier for tokens of `issuers`, which are those of `identity.oidc`."""
    return _verifier(*((o, o.audience, "identity.oidc") for o in issuers))


def sign_in_verifier(auth: OidcSignIn) -> "OidcVerifier":
    """The verifier for ID tokens of people who sign in on the web page."""
    return _verifier((auth, auth.client_id, "web.auth"))


def _verifier(*entries: tuple[OidcIssuer | OidcSignIn, str, str]) -> "OidcVerifier":
    identity = import_module("engine.adapters.identity")
    verifier: OidcVerifier = identity.OidcVerifier(
        tuple(
            identity.OidcSettings(
                issuer=entry.issuer,
                audience=audience,
                operator_claim=entry.operator_claim,
                groups_claim=entry.groups_claim,
                groups_separator=entry.groups_separator,
                admission=entry.admission,
                setting=setting,
            )
            for entry, audience, setting in entries
        )
    )
    return verifier


def _os_user() -> str:
    """The OS user by user id; getpass.getuser() would trust $USER."""
    try:
        return str(import_module("pwd").getpwuid(os.getuid()).pw_name)
    except KeyError:
        return f"uid-{os.getuid()}"


def rights_of(config: Config, *, served: bool) -> Rights:
    """The rights in the manifest; `served` if requests come through a server."""
    return _rights(config, config.product, config.path.environments, served=served)


def server_rights(config: ServerConfig, people: "People", product: str) -> Rights:
    """The rights of `people` in `product` by the server file, also where its own file is wrong."""
    return _rights(replace(config, identity=people.identity), product, (), served=True)


def _rights(
    config: ServerConfig, product: str, environments: Iterable[Environment], *, served: bool
) -> Rights:
    identity = config.identity
    members = {name for listed in identity.groups.values() for name in listed}
    aliases = {name for person, others in identity.aliases.items() for name in (person, *others)}
    roles = roles_of(identity.roles)
    return Rights.of(
        environments,
        people=members | aliases,
        lockers=identity.lockers,
        operators=identity.operators,
        admins=roles.members(product, RoleKind.ADMIN),
        viewers=roles.members(product, *RoleKind),
        members_only=config.web.visibility == "members",
        issuers=_restricted_issuers(config),
        served=served,
    )


def _restricted_issuers(config: ServerConfig) -> frozenset[str]:
    """The issuers whose entries all restrict the admitted subjects."""
    auth = config.web.auth
    entries: list[IssuerRules] = [*config.identity.oidc]
    entries += [auth] if isinstance(auth, OidcSignIn) else []
    open_to_all = {entry.issuer for entry in entries if entry.unrestricted}
    return frozenset(entry.issuer for entry in entries) - open_to_all


def directory_of(config: ServerConfig) -> Directory:
    return Directory.of(config.identity.aliases, config.identity.groups)
