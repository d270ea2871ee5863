"""The registries of a manifest as systems: the primary one, secondaries, and layouts."""

import os
from collections.abc import Sequence
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
    verified = config.identity.registry_users.verified
    return tuple(
        _system(name, settings, config.path.names, verified and name == "registry", write)
        for name, settings in named
    )


def _system(
    name: str,
    settings: RegistrySettings,
    environments: Sequence[str],
    verified: bool,
    write: bool,
) -> System:
    chart = Chart(name)
    if isinstance(settings, EmbeddedRegistry):
        return System(name, lambda: _layout(chart, settings))
    return System(name, lambda: _remote(chart, settings, environments, verified, write), _LEFT)


def _remote(
    chart: Chart,
    settings: RemoteRegistry,
    environments: Sequence[str],
    verified: bool,
    write: bool,
) -> Tries:
    quick = replace(settings, timeout_seconds=min(settings.timeout_seconds, _SECONDS))
    with closing(remote_registry(quick)) as registry:
        writes = RegistryWrites(chart, registry, settings.repository, environments)
        usable = True
        for diagnosis in RegistryReads(chart, settings, registry, verified).tries():
            failed = diagnosis.verdict is Verdict.FAILED
            usable = usable and not (failed and diagnosis.name in ("reachable", "credentials"))
            yield diagnosis
        if usable and write:
            yield from writes.tries()
        elif usable:
            yield from map(chart.unwritten, WRITING)


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
