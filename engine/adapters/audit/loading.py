"""Opens an audit backend by its name: a built-in one, or one of an installed plugin."""

import hashlib
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast
from urllib.parse import urlsplit

from engine.adapters.audit.bounded import BoundedBackend
from engine.domain.errors import ConfigError, PromotionError
from engine.domain.text import mask_secrets, printable
from engine.ports.audit_backend import (
    ENTRY_POINTS,
    AuditBackendFactory,
    AuditBackendPlugin,
    AuditSettings,
)

# Imported on use: the object store client is slow to import.
_BUILT_IN = {
    "database": ("engine.adapters.audit.database", "open_audit_database"),
    "s3": ("engine.adapters.audit.objects", "open_objects"),
}
_SECONDS = 30.0


def open_backend(
    name: str, settings: AuditSettings, *, seconds: float = _SECONDS
) -> AuditBackendPlugin:
    """
    Open the backend `name`; each of its calls ends within `seconds`.

    ConfigError if it does not exist, cannot be loaded or does not accept `settings`.
    """
    backend = _open(name, settings)
    if not isinstance(backend, AuditBackendPlugin):
        raise ConfigError(
            f"entry point '{name}' of {ENTRY_POINTS} is not an AuditBackendPlugin "
            f"({AuditBackendPlugin.__module__})"
        )
    base, own = AuditBackendPlugin, type(backend)
    stores = own.store_promotion is not base.store_promotion
    if own.append is base.append and not (stores and own.store_rollback is not base.store_rollback):
        raise ConfigError(
            f"audit backend {name} stores nothing: it must define append, or both "
            "store_promotion and store_rollback"
        )
    return BoundedBackend(backend, name, seconds, backend.place or _place(name, settings))


def _place(name: str, settings: AuditSettings) -> str:
    """An identifier of the store: equal on every machine, without secrets of a URL."""
    parts = urlsplit(settings.url or "")
    host = parts.netloc.rpartition("@")[2]
    address = settings.path or f"{parts.scheme}://{host}{parts.path}"
    if settings.product:
        address = f"{address}/{settings.product}"
    return f"{name}:{hashlib.sha256(str(address).encode()).hexdigest()[:12]}"


def _open(name: str, settings: AuditSettings) -> AuditBackendPlugin:
    factory = _factory(name)
    try:
        return factory(settings)
    except (PromotionError, KeyboardInterrupt):
        raise
    # Extensions in Rust panic with a BaseException.
    except BaseException as error:
        reason = printable(mask_secrets(str(error)))[:200]
        raise ConfigError(
            f"audit backend {name} cannot be opened ({type(error).__name__}: {reason}): "
            "check artifacts.promotion.audit"
        ) from error


def _factory(name: str) -> AuditBackendFactory:
    """Find the factory of `name`; plugins cannot replace built-in backends."""
    if name in _BUILT_IN:
        module, attribute = _BUILT_IN[name]
        return cast(AuditBackendFactory, getattr(import_module(module), attribute))
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in found:
        known = ", ".join(["oci", *sorted(_BUILT_IN), *sorted(found.keys() - _BUILT_IN.keys())])
        raise ConfigError(
            f"artifacts.promotion.audit.backend: audit backend {printable(name)[:80]} not found. "
            f"Installed: {known}"
        )
    return _load(found[name])


def _load(point: EntryPoint) -> AuditBackendFactory:
    try:
        return cast(AuditBackendFactory, point.load())
    except Exception as error:
        raise ConfigError(
            f"audit backend {point.name} cannot be loaded from {point.value} "
            f"({printable(str(error))[:200]}): install its distribution again"
        ) from error
