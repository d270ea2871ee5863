"""The registries of a manifest as systems: the primary one, secondaries, and layouts."""

import os
from contextlib import closing
from dataclasses import replace

from engine.bootstrap.adapters import remote_registry
from engine.config import Config
from engine.config.connection import EmbeddedRegistry, RegistrySettings, RemoteRegistry
from engine.doctor.diagnosis import Chart, Verdict
from engine.doctor.examination import System, Tries
from engine.doctor.registry import RegistryReads
from engine.doctor.registry_writes import WRITING, RegistryWrites

# A registry that does not answer is one failed row, and not a long wait.
_SECONDS = 10
_LEFT = (
    "Check that the registry answers. If floe doctor was writing, remove tags with floe-doctor "
    "in their names"
)


def registry_systems(config: Config, *, write: bool) -> tuple[System, ...]:
    """The registries of `config`; only with `write` does anything write to them."""
    named = [("registry", config.registry)]
    named += [(f"secondary {each.reference}", each) for each in config.secondaries]
    return tuple(_system(name, settings, config, write) for name, settings in named)


def _system(name: str, settings: RegistrySettings, config: Config, write: bool) -> System:
    chart = Chart(name)
    if isinstance(settings, EmbeddedRegistry):
        return System(name, lambda: _layout(chart, settings))
    return System(name, lambda: _remote(chart, settings, config, write), _LEFT)


def _remote(chart: Chart, settings: RemoteRegistry, config: Config, write: bool) -> Tries:
    quick = replace(settings, timeout_seconds=min(settings.timeout_seconds, _SECONDS))
    verified = config.identity.registry_users.verified and settings == config.registry
    with closing(remote_registry(quick)) as registry:
        reads = RegistryReads(chart, settings, registry, verified)
        writes = RegistryWrites(
            chart, registry, settings.repository, config.path.names, _moving_kinds(config)
        )
        usable = True
        for diagnosis in reads.tries():
            failed = diagnosis.verdict is Verdict.FAILED
            usable = usable and not (failed and diagnosis.name in ("reachable", "credentials"))
            yield diagnosis
        if usable and write:
            yield from writes.tries()
        elif usable:
            yield from map(chart.unwritten, WRITING)


def _moving_kinds(config: Config) -> tuple[str, ...]:
    """The kinds of tags `floe-….*` that move with the configured ledger."""
    ledger = config.ledger
    checkpoints = ledger.checkpoint is not None and ledger.checkpoint.key is not None
    states = ledger.signing is not None and ledger.signing.current is not None
    configured = (("head", True), ("checkpoint", checkpoints), ("current", states))
    return tuple(kind for kind, used in configured if used)


def _layout(chart: Chart, settings: EmbeddedRegistry) -> Tries:
    place = settings.layout
    if not place.exists():
        yield chart.warning(
            "directory",
            f"{place} does not exist yet",
            "Publish the first version to it (docs/install.md), or correct artifacts.registry.uri",
        )
    elif not (place / "oci-layout").is_file():
        yield chart.failed(
            "directory",
            f"{place} is not an OCI image layout",
            "Name a layout, or a directory that does not exist, in artifacts.registry.uri",
        )
    elif not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        yield chart.failed(
            "directory",
            f"{place} cannot be written by this user",
            f"Correct its rights: chown -R $(id -un) {place}",
        )
    else:
        yield chart.passed("directory", f"{place} can be read and written")
