"""Finds an audit backend by its name: floe's own, then those of installed plugins."""

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

# Loaded when asked for: an object store client is no small import.
_OURS = {
    "database": ("engine.adapters.audit.database", "open_audit_database"),
    "s3": ("engine.adapters.audit.objects", "open_objects"),
}
_SECONDS = 30.0


def open_backend(
    name: str, settings: AuditSettings, *, seconds: float = _SECONDS
) -> AuditBackendPlugin:
    """
    The backend `name`, none of whose calls takes longer than `seconds`.

    ConfigError when there is none, when it cannot be loaded, or for settings it does not accept.
    """
    backend = _opened(name, settings)
    if not isinstance(backend, AuditBackendPlugin):
        raise ConfigError(
            f"entry point '{name}' of {ENTRY_POINTS} is not an AuditBackendPlugin "
            f"({AuditBackendPlugin.__module__})"
        )
    base, own = AuditBackendPlugin, type(backend)
    stores = own.store_promotion is not base.store_promotion
    if own.append is base.append and not (stores and own.store_rollback is not base.store_rollback):
        raise ConfigError(
            f"the audit backend {name} defines neither append nor both store_promotion and "
            "store_rollback, so it keeps nothing"
        )
    return BoundedBackend(backend, name, seconds, backend.place or _place(name, settings))


def _place(name: str, settings: AuditSettings) -> str:
    """The same for the same store on every machine, and without the secrets of a URL."""
    parts = urlsplit(settings.url or "")
    host = parts.netloc.rpartition("@")[2]
    address = settings.path or f"{parts.scheme}://{host}{parts.path}"
    return f"{name}:{hashlib.sha256(str(address).encode()).hexdigest()[:12]}"


def _opened(name: str, settings: AuditSettings) -> AuditBackendPlugin:
    factory = _factory(name)
    try:
        return factory(settings)
    except (PromotionError, KeyboardInterrupt):
        raise
    # Extensions in Rust panic with a BaseException.
    except BaseException as error:
        said = printable(mask_secrets(str(error)))[:200]
        raise ConfigError(
            f"audit backend {name} cannot be opened ({type(error).__name__}: {said}): "
            "check artifacts.promotion.audit"
        ) from error


def _factory(name: str) -> AuditBackendFactory:
    """A plugin never takes the name of one of ours: what an audit rests on is no surprise."""
    if name in _OURS:
        module, attribute = _OURS[name]
        return cast(AuditBackendFactory, getattr(import_module(module), attribute))
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in found:
        known = ", ".join(["oci", *sorted(_OURS), *sorted(found.keys() - _OURS.keys())])
        raise ConfigError(
            f"artifacts.promotion.audit.backend: no audit backend is called "
            f"{printable(name)[:80]}: installed are {known}"
        )
    return _loaded(found[name])


def _loaded(point: EntryPoint) -> AuditBackendFactory:
    try:
        return cast(AuditBackendFactory, point.load())
    except Exception as error:
        raise ConfigError(
            f"the audit backend {point.name} cannot be loaded from {point.value} "
            f"({printable(str(error))[:200]}): install its distribution again"
        ) from error
