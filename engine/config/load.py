"""Loads manifest.yaml, and refuses it as a whole if any part is invalid."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import SecretStr, ValidationError

from engine.config.connection import EmbeddedRegistry, RegistrySettings, registry_settings
from engine.config.cross_checks import find_contradictions
from engine.config.digests import environment_digest, policy_document
from engine.config.environment_variables import ManifestContext
from engine.config.environments import promotion_path
from engine.config.error_messages import (
    Problem,
    config_error,
    find_unset_secrets,
    sort_problems,
    translate_errors,
)
from engine.config.ledger import Ledger
from engine.config.limits import GateLimits
from engine.config.models import ManifestFile
from engine.config.people import Identity, NoSignIn, Slack, Web
from engine.config.promotion import Audit, Policy
from engine.config.registries import Verification
from engine.config.tenants import unrestricted_issuers
from engine.config.webhooks import Webhook
from engine.config.yaml_loader import read_tree
from engine.domain.environment import Enforcement
from engine.domain.path import PromotionPath
from engine.domain.policy_document import PolicyDocument


@dataclass(frozen=True)
class Config:
    """
    The content of manifest.yaml, with all defaults filled in and all references resolved.

    `file` is its path. `verification` is None without signature settings, and then the `signature`
    of all environments is off. `warnings` are printed when `floe serve` starts. Secrets are
    SecretStr: neither repr nor digests contain them. `unset_variables` are the secrets whose
    variables are not set, in the order of the file.
    """

    file: Path
    path: PromotionPath
    registry: RegistrySettings
    secondaries: tuple[RegistrySettings, ...]
    verification: Verification | None
    policies: tuple[Policy, ...]
    gate_limits: GateLimits
    audit: Audit
    webhooks: tuple[Webhook, ...]
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

    @cached_property
    def policy(self) -> PolicyDocument:
        """All rules in one document; every record contains its digest."""
        return policy_document(
            self.path, self.policies, self.verification, self.identity, self.ledger
        )

    def environment_digest(self, name: str) -> str:
        """The digest of the rules of target `name`, for approvals; UsageError if unknown."""
        return environment_digest(self.path.environment(name), self.policies, self.verification)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about risky settings."""
        return tuple(_warnings(self))

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
    tree = read_tree(path)
    base = path.absolute().parent
    problems = list(find_contradictions(tree))
    try:
        file = ManifestFile.model_validate(tree, context=ManifestContext(base, environ))
    except ValidationError as error:
        problems = sort_problems(tree, [*translate_errors(error, tree), *problems])
        raise config_error(path, problems) from error
    if problems:
        raise config_error(path, sort_problems(tree, problems))
    return _config(path, base, file, sort_problems(tree, find_unset_secrets(file)))


def _config(path: Path, base: Path, file: ManifestFile, unset: Iterable[Problem]) -> Config:
    registry, promotion = file.artifacts.registry, file.artifacts.promotion
    return Config(
        file=path,
        path=promotion_path(promotion, registry.verification),
        registry=registry_settings(registry, base),
        secondaries=tuple(registry_settings(r, base) for r in promotion.secondary_registries),
        verification=registry.verification,
        policies=promotion.policies,
        gate_limits=promotion.gate_limits,
        audit=promotion.audit,
        webhooks=promotion.webhooks,
        ledger=file.ledger,
        identity=file.identity,
        slack=file.slack,
        web=file.web,
        state_dir=file.state.dir or base / ".floe",
        state_url=file.state.url,
        state_listen_url=file.state.listen_url,
        state_schema=file.state.schema_name,
        unset_variables=tuple(unset),
    )


def _warnings(config: Config) -> Iterator[str]:
    if config.verification is None:
        yield "signatures are not verified: artifacts.registry.verification is not configured"
    else:
        off = [e.name for e in config.path.environments if e.signature is Enforcement.OFF]
        if off:
            yield f"signatures are not verified for: {', '.join(off)}"
    if config.web.public and isinstance(config.web.auth, NoSignIn):
        yield "the web page is public without sign-in: everyone who reaches it can read it"
    yield from unrestricted_issuers(config.identity.oidc, config.web.auth)


def _exposures(registry: RegistrySettings) -> Iterator[str]:
    if isinstance(registry, EmbeddedRegistry):
        return
    if registry.scheme == "https" and not registry.verify:
        yield f"{registry.host}: its certificate is not verified (tls.verify: false)"
    if registry.scheme == "http" and not registry.loopback:
        yield f"{registry.host}: the connection is plain http (insecure: true)"
