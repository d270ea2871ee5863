"""manifest.yaml, read once and refused as a whole if any of it is wrong."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from engine.config.connection import EmbeddedRegistry, RegistrySettings, registry_settings
from engine.config.cross_checks import disagreements
from engine.config.digests import environment_digest, policy_digest
from engine.config.environment_variables import Surroundings
from engine.config.environments import promotion_path
from engine.config.error_messages import Problem, in_order, problems_of, refusal, unset_secrets
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


@dataclass(frozen=True)
class Config:
    """
    What manifest.yaml says, with every default in place and every reference resolved.

    `file` is where it was read. `verification` is None where signatures are not configured, and
    every environment's `signature` is then off. `warnings` are shown when `floe serve` starts.
    Secrets are SecretStr: neither repr nor digests show them. `unset_variables` are the secrets
    that cannot be read because their variables are not set, in the order of the file.
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
    identity: Identity
    slack: Slack
    web: Web
    state_dir: Path
    unset_variables: tuple[Problem, ...]

    def unset(self, *sections: str) -> tuple[Problem, ...]:
        """The unset secrets of `sections`, like `web` and `artifacts.promotion.audit`."""
        return tuple(
            problem
            for problem in self.unset_variables
            if any(f"{problem.place}.".startswith((f"{name}.", f"{name}[")) for name in sections)
        )

    def require(self, *sections: str) -> None:
        """ConfigError that names every secret of `sections` that is not set."""
        if unset := self.unset(*sections):
            raise refusal(self.file, unset)

    @cached_property
    def policy_digest(self) -> str:
        """`sha256:…` of all that decides; it stands in every record."""
        return policy_digest(self.path, self.policies, self.verification, self.identity)

    def environment_digest(self, name: str) -> str:
        """The same for the target `name` alone (UsageError if there is none): approvals hold it."""
        return environment_digest(self.path.environment(name), self.policies, self.verification)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What the file allows although it is risky."""
        return tuple(_warnings(self))

    @property
    def exposures(self) -> tuple[str, ...]:
        """Registries that are reached without protection; every command warns about them."""
        registries = (self.registry, *self.secondaries)
        return tuple(exposure for registry in registries for exposure in _exposed(registry))


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """
    The configuration in the file `path`; relative paths in it start where it is.

    ConfigError names the file and lists everything that is wrong with it, in the file's order;
    `details["problems"]` has the same as `path` and `message`. A variable that is not set is an
    error of the command that needs it (`Config.require`).
    """
    tree = read_tree(path)
    base = path.absolute().parent
    problems = list(disagreements(tree))
    try:
        file = ManifestFile.model_validate(tree, context=Surroundings(base, environ))
    except ValidationError as error:
        problems = in_order(tree, [*problems_of(error, tree), *problems])
        raise refusal(path, problems) from error
    if problems:
        raise refusal(path, in_order(tree, problems))
    return _config(path, base, file, in_order(tree, unset_secrets(file)))


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
        identity=file.identity,
        slack=file.slack,
        web=file.web,
        state_dir=file.state.dir or base / ".floe",
        unset_variables=tuple(unset),
    )


def _warnings(config: Config) -> Iterator[str]:
    if config.verification is None:
        yield "signatures are not verified: artifacts.registry.verification is not configured"
    else:
        off = [e.name for e in config.path.environments if e.signature is Enforcement.OFF]
        if off:
            yield f"signatures are not verified on the way into: {', '.join(off)}"
    if config.web.public and isinstance(config.web.auth, NoSignIn):
        yield "the web page is open to whoever reaches it: web.public without sign-in"
    yield from unrestricted_issuers(config.identity.oidc, config.web.auth)


def _exposed(registry: RegistrySettings) -> Iterator[str]:
    if isinstance(registry, EmbeddedRegistry):
        return
    if registry.scheme == "https" and not registry.verify:
        yield f"{registry.host}: its certificate is not checked (tls.verify: false)"
    if registry.scheme == "http" and not registry.loopback:
        yield f"{registry.host}: reached over plain http (insecure: true)"
