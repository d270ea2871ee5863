"""Warnings about environments whose deployed version deviates from the ledger."""

from dataclasses import replace

from engine.context.restore import version_of
from engine.domain.environment import Environment
from engine.domain.path import PromotionPath
from engine.domain.state import EMPTY
from engine.domain.status import EnvironmentStatus
from engine.ports import LedgerReader, RegistryReader


def drift_warnings(
    target: Environment, path: PromotionPath, registry: RegistryReader, ledger: LedgerReader
) -> tuple[str, ...]:
    """Warn in one sentence if `latest-<env>` was moved outside floe. Two requests."""
    head, latest = ledger.head(target.name), registry.resolve(target.latest)
    status = EnvironmentStatus(target.name, head.state if head else EMPTY, latest, None)
    if not status.drifted:
        return ()
    version = version_of(latest, target.name, head, path, registry, ledger) if latest else None
    return (f"{target.name} has drifted: {replace(status, latest_version=version).deviation}",)
