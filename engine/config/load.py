"""Loads manifest.yaml, and refuses it as a whole if any part is invalid."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from engine.config.connection import EmbeddedRegistry, RegistrySettings, registry_settings
from engine.config.cross_checks import find_contradictions
from engine.config.digests import environment_digest, policy_document
from engine.config.environments import promotion_path
from engine.config.error_messages import (
    Problem,
    config_error,
    find_unset_secrets,
    in_document,
    translate_errors,
)
from engine.config.ledger import Ledger
from engine.config.limits import GateLimits
from engine.config.models import Artifacts, ManifestFile
from engine.config.people import Identity, NoSignIn, Slack, Web
from engine.config.plugins import NotifierEntry, Policy
from engine.config.promotion import Audit
from engine.config.registries import Verification
from engine.config.roles import roles_of
from engine.config.tenants import unrestricted_issuers
from engine.config.validation_context import ManifestContext
from engine.config.webhooks import Webhook
from engine.config.yaml_loader import Document, read_document
from engine.domain.environment import Enforcement
from engine.domain.path import PromotionPath
from engine.domain.policy_document import PolicyDocument
from engine.domain.product import UNNAMED

if TYPE_CHECKING:
    from engine.config.server_models import ServerFile

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class ServerConfig:
    """
    The settings that all products of a server share; `file` is the file with these settings.

    Secrets are SecretStr: neither repr nor digests contain them. `unset_variables` are the secrets
    whose variables are not set, in the order of the file.
    """

    file: Path
    ledger: Ledger
    identity: Identity
    slack: Slack
    web: Web
    state_dir: Path
    state_url: SecretStr | None
    state_listen_url: SecretStr | None
    state_schema: str
    unset_variables: tuple[Problem, ...]

    def unset(self, *sections: str) -> tuple[Problem, ...]:
        """List the unset secrets in `sections`, like `web` and `artifacts.promotion.audit`."""
        return tuple(
            problem
            for problem in self.unset_variables
            if any(f"{problem.place}.".startswith((f"{name}.", f"{name}[")) for name in sections)
        )

    def require(self, *sections: str) -> None:
        """Raise a ConfigError that names all unset secrets in `sections`, if any."""
        if unset := self.unset(*sections):
            raise config_error(self.file, unset)

    @property
    def shared_warnings(self) -> Iterator[str]:
        """Sentences about risky settings that are not those of one product."""
        if self.web.public and isinstance(self.web.auth, NoSignIn):
            yield "the web page is public without sign-in: everyone who reaches it can read it"
        yield from unrestricted_issuers(self.identity.oidc, self.web.auth)


@dataclass(frozen=True)
class Config(ServerConfig):
    """
    The content of manifest.yaml, with all defaults filled in and all references resolved.

    `file` is its path. If a server file lists it, it has the settings of that file too. `product`
    is empty otherwise. `own_path` is the path before roles decide in its
    environments. `owner` is who answers for the product. `verification` is None without signature
    settings, and then the `signature` of all environments is off. `warnings` are printed when
    `floe serve` starts.
    """

    path: PromotionPath
    own_path: PromotionPath
    registry: RegistrySettings
    secondaries: tuple[RegistrySettings, ...]
    verification: Verification | None
    policies: tuple[Policy, ...]
    gate_limits: GateLimits
    audit: Audit
    webhooks: tuple[Webhook, ...]
    notifiers: tuple[NotifierEntry, ...]
    product: str = UNNAMED
    owner: str | None = None

    @cached_property
    def policy(self) -> PolicyDocument:
        """All rules in one document; every record contains its digest."""
        return policy_document(
            self.path,
            self.policies,
            self.verification,
            self.identity,
            self.ledger,
            self.product,
        )

    @property
    def has_plugins(self) -> bool:
        """Whether it names gates, policies or notifiers of installed packages."""
        gates = any(gate.plugin for each in self.path.environments for gate in each.gates)
        return gates or bool(self.notifiers) or any(each.package for each in self.policies)

    def with_people(self, identity: Identity) -> "Config":
        """The same product, for the people and roles of `identity`."""
        path = roles_of(identity.roles).apply(self.own_path, self.product)
        return replace(self, identity=identity, path=path)

    def environment_digest(self, name: str) -> str:
        """The digest of the rules of target `name`, for approvals; UsageError if unknown."""
        return environment_digest(self.path.environment(name), self.policies, self.verification)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about risky settings."""
        return (*self.product_warnings, *self.shared_warnings)

    @property
    def product_warnings(self) -> Iterator[str]:
        """Sentences about risky settings of the product."""
        if self.verification is None:
            yield "signatures are not verified: artifacts.registry.verification is not configured"
            return
        off = [e.name for e in self.path.environments if e.signature is Enforcement.OFF]
        if off:
            yield f"signatures are not verified for: {', '.join(off)}"

    @property
    def exposures(self) -> tuple[str, ...]:
        """Sentences about registries without verified TLS; every command warns about them."""
        registries = (self.registry, *self.secondaries)
        return tuple(exposure for registry in registries for exposure in _exposures(registry))


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """
    Load the file `path`; relative paths in it start at its directory.

    ConfigError lists all problems in the order of the file; `details["problems"]` has them with
    `path` and `message`. An unset variable is an error only of a command that needs it (see
    `Config.require`).
    """
    return manifest_config(read_document(path), environ)


def manifest_config(document: Document, environ: Mapping[str, str]) -> Config:
    """Build the configuration of a manifest that no server file lists; see `load_config`."""
    tree, base = document.tree, document.path.absolute().parent
    file = validate(
        ManifestFile, document, ManifestContext(base, environ), find_contradictions(tree)
    )
    server = shared_config(document, file)
    return product_config(server, file.artifacts, document.path, ())


def validate(
    model: type[T], document: Document, context: ManifestContext, contradictions: Iterable[Problem]
) -> T:
    """Validate the values of `document`; ConfigError with all problems and `contradictions`."""
    problems = list(contradictions)
    try:
        file = model.model_validate(document.tree, context=context)
    except ValidationError as error:
        problems += translate_errors(error, document.tree, model)
        raise config_error(document.path, in_document(document, problems)) from error
    if problems:
        raise config_error(document.path, in_document(document, problems))
    return file


def shared_config(document: Document, file: "ManifestFile | ServerFile") -> ServerConfig:
    """Build the settings of `file` that are not those of one product."""
    # Products have those of `defaults` among their own.
    unset = (each for each in find_unset_secrets(file) if each.path[0] != "defaults")
    return ServerConfig(
        file=document.path,
        ledger=file.ledger,
        identity=file.identity,
        slack=file.slack,
        web=file.web,
        state_dir=file.state.dir or document.path.absolute().parent / ".floe",
        state_url=file.state.url,
        state_listen_url=file.state.listen_url,
        state_schema=file.state.schema_name,
        unset_variables=tuple(in_document(document, unset)),
    )


def product_config(
    server: ServerConfig, artifacts: Artifacts, file: Path, unset: Iterable[Problem], **own: object
) -> Config:
    """Add the settings of one product in `file` to those of the server; `own` replaces them."""
    registry, promotion = artifacts.registry, artifacts.promotion
    base = file.absolute().parent
    shared = {each.name: getattr(server, each.name) for each in fields(ServerConfig)}
    given: dict[str, Any] = {
        **shared,
        "file": file,
        "unset_variables": (*unset, *server.unset_variables),
        **own,
    }
    path = promotion_path(promotion, registry.verification)
    return Config(
        path=roles_of(server.identity.roles).apply(path, given.get("product", UNNAMED)),
        own_path=path,
        registry=registry_settings(registry, base),
        secondaries=tuple(registry_settings(r, base) for r in promotion.secondary_registries),
        verification=registry.verification,
        policies=promotion.policies,
        gate_limits=promotion.gate_limits,
        audit=promotion.audit,
        webhooks=promotion.webhooks,
        notifiers=promotion.notifiers,
        **given,
    )


def _exposures(registry: RegistrySettings) -> Iterator[str]:
    if isinstance(registry, EmbeddedRegistry):
        return
    if registry.scheme == "https" and not registry.verify:
        yield f"{registry.host}: its certificate is not verified (tls.verify: false)"
    if registry.scheme == "http" and not registry.loopback:
        yield f"{registry.host}: the connection is plain http (insecure: true)"
