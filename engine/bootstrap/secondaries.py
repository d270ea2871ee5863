"""Builds the secondary registries of manifest.yaml, opened on first use."""

from collections.abc import Callable
from importlib import import_module
from threading import Lock

from engine.bootstrap.adapters import registry_of
from engine.bootstrap.shared import Shared
from engine.config import Config
from engine.config.connection import EmbeddedRegistry, RegistrySettings
from engine.ports import Leases, LedgerReader, Registry
from engine.ports.secondary import Mirror
from engine.secondaries import NO_SECONDARIES, MirroredSecondaries, Secondaries

# Loaded by name: with a remote registry comes an HTTP client, and no command needs either that
# only looks at an embedded one.
_MIRROR = "engine.adapters.registry.mirror"


def secondaries_of(
    config: Config,
    registry: Registry,
    ledger: LedgerReader,
    leases: Leases,
    shared: Shared,
) -> Secondaries:
    if not config.secondaries:
        return NO_SECONDARIES
    mirrors = tuple(
        _mirror(config.registry, registry, settings, place, shared)
        for place, settings in enumerate(config.secondaries)
    )
    outcomes = import_module("engine.adapters.store").SqlOutcomes(shared.state, registry.reference)
    return MirroredSecondaries(mirrors, registry, ledger, leases, outcomes)


def _mirror(
    primary: RegistrySettings,
    registry: Registry,
    settings: RegistrySettings,
    place: int,
    shared: Shared,
) -> Mirror:
    made: Mirror = import_module(_MIRROR).RegistryMirror(
        settings.reference,
        _source(primary, registry),
        _target(settings, shared),
        f"artifacts.promotion.secondary_registries[{place}]",
    )
    return made


def _source(settings: RegistrySettings, registry: Registry) -> object:
    if isinstance(settings, EmbeddedRegistry):
        return import_module(f"{_MIRROR}.directory").DirectorySide(settings.layout)
    return import_module(f"{_MIRROR}.remote").RemoteSide(registry)


def _target(settings: RegistrySettings, shared: Shared) -> Callable[[], object]:
    if isinstance(settings, EmbeddedRegistry):
        layout = settings.layout
        return lambda: import_module(f"{_MIRROR}.directory").DirectorySide.create(layout)
    turn, opened = Lock(), list[Registry]()

    def open_once() -> object:
        with turn:
            if not opened:
                opened.append(registry_of(settings, shared))
        return import_module(f"{_MIRROR}.remote").RemoteSide(opened[0], bounded=True)

    return open_once
