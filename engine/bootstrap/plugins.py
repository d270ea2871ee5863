"""The plug-ins that manifest.yaml names; loaded only if it names some."""

from engine.adapters.webhooks.notifier import Notifier
from engine.config import Config
from engine.ports.plugins import GATES, NOTIFIERS, POLICY_ENFORCERS
from engine.runtime.plugins import find_plugin


def notifiers_of(config: Config) -> tuple[Notifier, ...]:
    """The notifiers, for the outbox of webhooks."""
    return tuple(
        Notifier(
            plugin=each.name,
            package=each.package,
            base=config.file.absolute().parent,
            product=config.product,
            events=tuple(each.events),
            options=each.options,
            timeout_seconds=each.timeout_seconds,
            retry_count=each.retry_count,
        )
        for each in config.notifiers
    )


def require_plugins(config: Config) -> None:
    """ConfigError naming the package if a plug-in of the manifest is not installed."""
    wanted = [
        (GATES, gate.plugin.package, gate.kind.value)
        for environment in config.path.environments
        for gate in environment.gates
        if gate.plugin
    ]
    wanted += [
        (POLICY_ENFORCERS, each.package, each.name) for each in config.policies if each.package
    ]
    wanted += [(NOTIFIERS, each.package, each.name) for each in config.notifiers]
    for group, package, name in sorted(set(wanted)):
        find_plugin(group, package, name)
