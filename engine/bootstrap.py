"""Build an engine from manifest.yaml. The only place that names adapters."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from engine.adapters.gates import CommandGates
from engine.adapters.heads import FileHeads
from engine.adapters.leases import FileLeases
from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.registry.layout import LayoutRegistry
from engine.adapters.tally import FileTally
from engine.api import Engine, Platform
from engine.changes import Changes
from engine.config import Config, load_config
from engine.config.connection import Credentials, EmbeddedRegistry, RemoteRegistry
from engine.domain.change import Change
from engine.domain.errors import ConfigError
from engine.domain.identity import Claims, Directory, os_claims, registry_claims
from engine.domain.operator import Operator
from engine.domain.plan import Plan
from engine.ports import (
    GateRunner,
    NoPolicies,
    NoVerifier,
    PolicyEnforcer,
    Registry,
    Verifier,
    Vouching,
)
from engine.progression import Progression
from engine.refusals import Refusals, attempt_of_change, attempt_of_plan
from engine.stores import ChangeStore
from engine.worker import Worker

# Reads of one plan side by side; status asks two questions of every environment.
_THREADS = 16
# Nobody waits long for the environment only to have a refusal on record.
_REFUSAL_SECONDS = 1


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@contextmanager
def open_platform(config: Config, *, lease_seconds: float = 60) -> Iterator[Engine]:
    """The engine `config` describes, closed at the end."""
    _refuse_what_is_not_built(config)
    with ExitStack() as stack:
        registry = _registry(config.registry, stack)
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="floe")
        # Requests still under way when an answer is given are not waited for.
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        yield Engine(
            path=config.path,
            registry=registry,
            ledger=RegistryLedger(registry),
            gate_runner=_gates(config),
            leases=FileLeases(_lease_directory(config), lease_seconds),
            clock=SystemClock(),
            pool=pool,
            policy_digest=config.policy_digest,
            directory=_directory(config),
            verifier=_verifier(config, stack),
            enforcer=_policies(config),
            heads=FileHeads(config.state_dir / "heads.json", registry.reference),
        )


@contextmanager
def in_flight(config: Config, engine: Engine) -> Iterator[Platform]:
    """`engine` with its changes in flight, which the state directory keeps."""
    stores = import_module("engine.adapters.store")
    store: ChangeStore = stores.SqliteStore(config.state_dir, engine.clock)
    changes = Changes(engine, store, config.environment_digest)
    regroup = engine.directory.regroup
    progression = Progression(engine, store, config.environment_digest, regroup)
    refusals = _refusals(config, engine)
    worker = Worker(
        changes, progression, store, settled=lambda c: refusals.note(attempt_of_change(c))
    )
    try:
        yield Platform(engine, changes, progression, worker, store)
    finally:
        store.close()


@contextmanager
def open_changes(manifest: Path) -> Iterator[tuple[Platform, Operator]]:
    """
    The platform of a command that decides about changes, and whoever gave it.

    ConfigError away from where they are kept: an empty store would look like no changes at all.
    """
    config = load_config(manifest, os.environ)
    if not keeps_changes(config):
        raise ConfigError(
            f"Changes are kept in {config.state_dir}, which is not here: run this on the machine "
            "and in the directory where they are"
        )
    with open_platform(config) as engine, in_flight(config, engine) as platform:
        yield platform, local_operator(config, engine.registry)


def keeps_changes(config: Config) -> bool:
    """Whether this is where changes are kept: an embedded registry has them beside it."""
    return isinstance(config.registry, EmbeddedRegistry) or config.state_dir.is_dir()


@contextmanager
def open_engine(manifest: Path) -> Iterator[tuple[Engine, Operator]]:
    """The engine of a command and whoever gave it."""
    config = load_config(manifest, os.environ)
    with open_platform(config) as engine:
        yield engine, local_operator(config, engine.registry)


@contextmanager
def open_reading(manifest: Path) -> Iterator[Engine]:
    """The engine of a command that only shows: nobody is asked who they are."""
    with open_platform(load_config(manifest, os.environ)) as engine:
        yield engine


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
    return _directory(config).operator(claims)


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


def record_refusal(manifest: Path, refused: Plan | Change) -> None:
    """
    Put on record what `refused` was refused for, once the answer is given. PromotionError when the
    manifest cannot be used any more; what the registry does not take is not on record.
    """
    attempt = attempt_of_plan(refused) if isinstance(refused, Plan) else attempt_of_change(refused)
    if not attempt.refusals:
        return
    config = load_config(manifest, os.environ)
    with open_platform(config, lease_seconds=_REFUSAL_SECONDS) as engine:
        _refusals(config, engine).note(attempt)


def _refusals(config: Config, engine: Engine) -> Refusals:
    return Refusals(engine, FileTally(config.state_dir / "refusals.json"))


def _directory(config: Config) -> Directory:
    return Directory.of(config.identity.aliases, config.identity.groups)


def _registry(settings: RemoteRegistry | EmbeddedRegistry, stack: ExitStack) -> Registry:
    if isinstance(settings, EmbeddedRegistry):
        return LayoutRegistry(settings.layout)
    # Named here and loaded only for a remote registry: an HTTP client takes longer to import than
    # everything a command on a layout does.
    remote = import_module("engine.adapters.registry.remote")
    registry = remote.open_registry(
        settings.host,
        settings.repository,
        credentials=_credentials(settings.credentials),
        scheme=settings.scheme,
        timeout_seconds=settings.timeout_seconds,
        ca_file=settings.ca_file,
        verify=settings.verify,
    )
    stack.callback(registry.close)
    opened: Registry = registry
    return opened


def _credentials(settings: Credentials) -> object:
    source = import_module("engine.adapters.registry.credentials")
    secret = settings.password.get_secret_value() if settings.password else ""
    match settings.type:
        case "docker":
            return source.docker
        case "basic":
            return source.always(source.Password(settings.username, secret))
        case "token":
            return source.always(source.BearerToken(secret))
        case "anonymous":
            return source.anonymous


def _gates(config: Config) -> GateRunner:
    """Commands run where the manifest is; reports are only understood where scans are asked for."""
    scans = any(gate.security for e in config.path.environments for gate in e.gates)
    judge = import_module("engine.adapters.scanners").judge_report if scans else None
    return CommandGates(config.file.absolute().parent, os.environ, judge=judge)


def _policies(config: Config) -> PolicyEnforcer:
    """Compiled once, here, so that a rule that does not compile is an error of the manifest."""
    if not config.policies:
        return NoPolicies()
    enforcer: PolicyEnforcer = import_module("engine.adapters.policy").compile_policies(
        config.policies
    )
    return enforcer


def _verifier(config: Config, stack: ExitStack) -> Verifier:
    settings = config.verification
    if settings is None or not (settings.public_keys or settings.trusted_issuers):
        return NoVerifier()
    # Loaded only where signatures are verified: cryptography is no small import.
    sigstore = import_module("engine.adapters.sigstore")
    verifier = sigstore.SigstoreVerifier(
        tuple(key.content for key in settings.public_keys),
        tuple(
            sigstore.TrustedIssuer(each.issuer, each.subject_regex)
            for each in settings.trusted_issuers
        ),
        settings.trusted_root.path if settings.trusted_root else None,
    )
    clock = SystemClock()
    store = import_module("engine.adapters.store").SqliteStore(config.state_dir, clock)
    stack.callback(store.close)
    cache = import_module("engine.adapters.verification_cache")
    remembering: Verifier = cache.RememberingVerifier(verifier, store, clock)
    return remembering


def _lease_directory(config: Config) -> Path:
    """Beside what is written: whoever shares a layout shares its leases."""
    if isinstance(config.registry, EmbeddedRegistry):
        return config.registry.layout / ".floe" / "leases"
    return config.state_dir / "leases"


def _refuse_what_is_not_built(config: Config) -> None:
    """A rule that is configured and not carried out would be a rule that silently never holds."""
    asked = {
        "artifacts.promotion.secondary_registries": bool(config.secondaries),
        "artifacts.promotion.webhooks": bool(config.webhooks),
        f"artifacts.promotion.audit ({config.audit.backend})": config.audit.backend != "oci",
    }
    if os.environ.get("FLOE_SERVER"):
        # Acting here would write past the server that holds the locks and the changes.
        raise ConfigError(
            "FLOE_SERVER is set, and this version of floe does not send its commands to a server: "
            "unset it to act on the registry from here"
        )
    missing = [name for name, wanted in asked.items() if wanted]
    if missing:
        raise ConfigError(
            f"{config.file}: this version of floe does not carry out {', '.join(missing)}: "
            "remove it, since a rule that is not carried out protects nobody"
        )
