"""Builds the adapters that manifest.yaml configures; each is imported only if it is used."""

import os
import resource
from contextlib import ExitStack
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.registry.remote.auth import sources
from engine.adapters.registry.remote.auth.credentials import BearerToken, Password
from engine.adapters.state import FileLeases, MachineLocks, choose_directory
from engine.bootstrap.clock import clock_of
from engine.bootstrap.shared import Shared
from engine.bootstrap.state import outbox_tables, shared_tables, wakeups_of
from engine.config import Config
from engine.config.connection import Credentials, EmbeddedRegistry, RemoteRegistry
from engine.config.promotion import DatabaseAudit, OciAudit, PluginAudit, StoreAudit
from engine.domain.errors import ConfigError
from engine.ports import (
    EntryClaims,
    GateRunner,
    Leases,
    NoPolicies,
    NoVerifier,
    PolicyEnforcer,
    Registry,
    Verifier,
)
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from engine.ports.calendars import NO_CALENDARS, Calendars
from engine.ports.gates import NoGates
from engine.ports.state import NO_CLAIMS
from engine.ports.telemetry import NO_TRACER, Metrics, Tracer
from engine.ports.webhooks import NO_WEBHOOKS, WebhookSender

if TYPE_CHECKING:
    from engine.adapters.registry.remote.registry import DistributionRegistry

# Sections of manifest.yaml with secrets that only some commands need.
AUDIT = "artifacts.promotion.audit"
SECONDARIES = "artifacts.promotion.secondary_registries"
WEBHOOKS = "artifacts.promotion.webhooks"


def registry_of(settings: RemoteRegistry | EmbeddedRegistry, shared: Shared) -> Registry:
    if isinstance(settings, EmbeddedRegistry):
        return LayoutRegistry(settings.layout)
    return remote_registry(settings, shared.transport(settings))


def remote_registry(settings: RemoteRegistry, transport: Any = None) -> "DistributionRegistry":
    """Open a registry, over connections of its own unless there is a `transport`."""
    # Imported only for a remote registry: the HTTP client is slow to import.
    remote = import_module("engine.adapters.registry.remote.factory")
    registry: DistributionRegistry = remote.open_registry(
        settings.host,
        settings.repository,
        credentials=_credentials(settings.credentials),
        scheme=settings.scheme,
        timeout_seconds=settings.timeout_seconds,
        ca_file=settings.ca_file,
        verify=settings.verify,
        transport=transport,
    )
    return registry


def _credentials(settings: Credentials) -> sources.CredentialSource:
    user, secret = _plain(settings.username or ""), _plain(settings.password or "")
    match settings.type:
        case "docker":
            return sources.docker
        case "basic":
            return sources.always(Password(user, secret))
        case "token":
            return sources.always(BearerToken(secret))
        case "anonymous":
            return sources.anonymous


def gates_of(config: Config) -> GateRunner:
    """The gate runner in the directory of the manifest; scanners are loaded if a gate scans."""
    if not any(environment.gates for environment in config.path.environments):
        return NoGates()
    gates = import_module("engine.adapters.gates")
    scans = any(gate.security for e in config.path.environments for gate in e.gates)
    judge = import_module("engine.adapters.scanners").judge_report if scans else None
    memory = config.gate_limits.memory_mb
    limits = gates.Limits(
        processes=config.gate_limits.processes,
        memory_bytes=memory * 1024 * 1024 if memory else None,
        files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    )
    base, plugins = config.file.absolute().parent, None
    if any(gate.plugin for each in config.path.environments for gate in each.gates):
        plugins = import_module("engine.adapters.gates.plugins").PluginGates(base, config.product)
    runner: GateRunner = gates.CommandGates(
        base, os.environ, judge=judge, limits=limits, plugins=plugins
    )
    return runner


def audit_backend_of(config: Config, stack: ExitStack) -> AuditBackendPlugin | None:
    """The configured backend; None without one, or for a command that lacks its secrets."""
    audit = config.audit
    if isinstance(audit, OciAudit) or config.unset(AUDIT):
        return None
    loading = import_module("engine.adapters.audit.loading")
    backend: AuditBackendPlugin = loading.open_backend(audit.backend, audit_settings(config))
    stack.callback(backend.close)
    return backend


def audit_settings(config: Config) -> AuditSettings:
    """The settings of the audit backend; ConfigError if they lack a secret."""
    audit = config.audit
    if isinstance(audit, OciAudit):
        raise ConfigError("artifacts.promotion.audit is not configured")
    return AuditSettings(
        base=config.file.absolute().parent,
        options=audit.options,
        url=_url(audit),
        path=audit.path if isinstance(audit, DatabaseAudit) else None,
        product=config.product,
    )


def webhook_sender_of(config: Config, metrics: Metrics) -> WebhookSender:
    """The configured webhooks and notifiers; none for a command that lacks their secrets."""
    if not (config.webhooks or config.notifiers) or config.unset(WEBHOOKS):
        return NO_WEBHOOKS
    webhooks = import_module("engine.adapters.webhooks")
    hooks = tuple(
        webhooks.Hook(
            url=hook.url.get_secret_value(),
            events=tuple(hook.events),
            headers={name: _plain(value) for name, value in hook.headers.items()},
            timeout_seconds=hook.timeout_seconds,
            retry_count=hook.retry_count,
            secret=_plain(hook.secret) if hook.secret else None,
            format=hook.format,
        )
        for hook in config.webhooks
    )
    notifiers: tuple[Any, ...] = ()
    if config.notifiers:
        notifiers = import_module("engine.bootstrap.plugins").notifiers_of(config)
    outbox = webhooks.SqlOutbox(outbox_tables(config), config.product)
    webhook_sender: WebhookSender = webhooks.Webhooks(
        (*hooks, *notifiers),
        outbox,
        clock_of(config),
        metrics,
        wakeups=wakeups_of(config),
        product=config.product,
    )
    return webhook_sender


def tracer_of() -> Tracer:
    """The tracer that the standard OTEL_ variables configure."""
    if not any(name.startswith("OTEL_") for name in os.environ):
        return NO_TRACER
    factory = import_module("engine.adapters.telemetry.factory")
    tracer: Tracer = factory.open_tracer(os.environ)
    return tracer


def flush(webhook_sender: WebhookSender, tracer: Tracer) -> None:
    """
    Deliver due webhooks and export spans in parallel, within 5 s. Undelivered webhooks stay in the
    outbox.
    """
    if webhook_sender is NO_WEBHOOKS or tracer is NO_TRACER:
        webhook_sender.deliver_due()
        tracer.close()
        return
    closing = Thread(target=tracer.close, name="floe-traces", daemon=True)
    closing.start()
    webhook_sender.deliver_due()
    closing.join()


def policies_of(config: Config) -> PolicyEnforcer:
    """The compiled policies; a rule that does not compile is a ConfigError."""
    if not config.policies:
        return NoPolicies()
    enforcer: PolicyEnforcer = import_module("engine.adapters.policy").compile_policies(
        config.policies
    )
    if any(each.package for each in config.policies):
        adapter = import_module("engine.adapters.policy.plugins")
        base = config.file.absolute().parent
        enforcer = adapter.PluginPolicies(enforcer, config.policies, base, config.product)
    return enforcer


def calendars_of(config: Config) -> Calendars:
    if not any(each.calendar is not None for each in config.path.windows):
        return NO_CALENDARS
    # Few installations have calendars, and their parser is slow to import.
    adapter = import_module("engine.adapters.calendars")
    calendars: Calendars = adapter.CachedCalendars()
    return calendars


def verifier_of(config: Config, shared: Shared) -> Verifier:
    settings = config.verification
    if settings is None or not (settings.public_keys or settings.trusted_issuers):
        return NoVerifier()
    # Imported only if signatures are verified: cryptography is slow to import.
    sigstore = import_module("engine.adapters.sigstore")
    verifier = sigstore.SigstoreVerifier(
        tuple(key.content for key in settings.public_keys),
        tuple(
            sigstore.TrustedIssuer(each.issuer, each.subject_regex)
            for each in settings.trusted_issuers
        ),
        settings.trusted_root.path if settings.trusted_root else None,
    )
    clock = clock_of(config)
    store = import_module("engine.adapters.store").SqlStore(shared.state, clock)
    cache = import_module("engine.adapters.sigstore.verification_cache")
    remembering: Verifier = cache.CachingVerifier(verifier, store, clock)
    return remembering


def leases_of(config: Config, wait_seconds: float) -> Leases:
    """
    The leases: in the layout, so that all its users share them; for a remote registry per machine
    and in the state directory, which containers may share. With `state.url` also in the database.
    """
    local = _local_leases(config, wait_seconds)
    if config.state_url is None:
        return local
    leases = import_module("engine.adapters.state.database_leases")
    tables = shared_tables(config, "leases", leases.MIGRATIONS)
    shared: Leases = leases.DatabaseLeases(tables, local, wait_seconds, product=config.product)
    return shared


def claims_of(config: Config) -> EntryClaims:
    """The claims of ledger entries; none without `state.url`."""
    if config.state_url is None:
        return NO_CLAIMS
    # All spellings of one registry have the same claims.
    if isinstance(config.registry, EmbeddedRegistry):
        place = str(config.registry.layout.resolve())
    else:
        place = config.registry.canonical
    store = import_module("engine.adapters.store.entry_claims")
    tables = shared_tables(config, "entries", store.MIGRATIONS)
    claims: EntryClaims = store.SqlEntryClaims(tables, place, clock_of(config))
    return claims


def _local_leases(config: Config, wait_seconds: float) -> FileLeases:
    registry, product = config.registry, config.product
    if isinstance(registry, EmbeddedRegistry):
        directory = registry.layout / ".floe" / "leases"
        return FileLeases(directory, wait_seconds, shared=True, product=product)
    machine = MachineLocks(choose_directory(os.environ), registry.canonical)
    directory = config.state_dir / "leases"
    return FileLeases(directory, wait_seconds, machine=machine, product=product)


def _plain(text: str | SecretStr) -> str:
    return text.get_secret_value() if isinstance(text, SecretStr) else text


def _url(audit: StoreAudit | DatabaseAudit | PluginAudit) -> str | None:
    url = getattr(audit, "url", None)
    return _plain(url) if url is not None else None


def refuse_beside_a_server() -> None:
    """ConfigError if FLOE_SERVER is set: a local run would bypass its locks and changes."""
    if os.environ.get("FLOE_SERVER"):
        raise ConfigError(
            "FLOE_SERVER is set, but the server does not support this command: unset FLOE_SERVER "
            "to run it here"
        )
