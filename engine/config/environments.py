"""Convert the environments and gates of the file to those of the domain."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from engine.config.approvals import approvals_of, break_glass_of
from engine.config.cross_checks import COMMAND_GATES
from engine.config.limits import OwnLimits
from engine.config.promotion import (
    AuthorizationEntry,
    EnvironmentEntry,
    GateCommand,
    GateCommands,
    GateEntry,
    Gates,
    LockEntry,
    Promotion,
    ScanRules,
)
from engine.config.registries import Verification
from engine.config.windows import windows_of
from engine.domain.canonical import canonical_json
from engine.domain.environment import (
    Authorization,
    Enforcement,
    Environment,
    FixedLock,
)
from engine.domain.gate import Gate, GateKind, GateLimits, PluginChoice, SecurityRules
from engine.domain.path import PromotionPath

T = TypeVar("T")
_SECURITY = SecurityRules()


def promotion_path(promotion: Promotion, verification: Verification | None) -> PromotionPath:
    """Build the promotion path; the order in the file is the order of promotion (FR-001a)."""
    windows = windows_of(promotion.windows)
    return PromotionPath(
        tuple(
            Environment(
                name=entry.name,
                gates=tuple(_gates(promotion, entry)),
                authorization=_authorization(entry.authorization),
                approvals=approvals_of(entry.approvals),
                signature=_enforcement(verification, entry.name),
                fixed_lock=_lock(entry.lock),
                break_glass=break_glass_of(promotion.break_glass),
                after=_after(promotion, place),
                any_source=entry.sources == "any",
                windows=tuple(window for window in windows if window.applies(entry.name)),
                compares_builds=promotion.compare_builds,
            )
            for place, entry in enumerate(promotion.environments)
        )
    )


def _after(promotion: Promotion, place: int) -> tuple[str, ...]:
    """The environments before the one at `place`, in their order; empty for the nearest one."""
    earlier = [entry.name for entry in promotion.environments[:place]]
    chosen = set(promotion.environments[place].after or ())
    names = tuple(name for name in earlier if name in chosen)
    return () if names == tuple(earlier[-1:]) else names


def _gates(promotion: Promotion, environment: EnvironmentEntry) -> Iterator[Gate]:
    """The command gates that are on; its own entry overrides the default per key (FR-009)."""
    for kind in COMMAND_GATES:
        default = _entry(promotion.gates, kind)
        own = _entry(environment.gates, kind)
        if default if own is None else own:
            yield _gate(
                kind, _entry_or_empty(own), _entry_or_empty(default), promotion, environment
            )
    yield from _plugin_gates(promotion, environment)


def _plugin_gates(promotion: Promotion, environment: EnvironmentEntry) -> Iterator[Gate]:
    """The gates of plug-ins: those of all environments, and its own ones."""
    own, defaults = environment.gates.plugins, promotion.gates.plugins
    for name in sorted({**defaults, **own}):
        entry = own.get(name) or defaults[name]
        timeout = _first(entry.timeout_seconds, environment.gate_timeout_seconds)
        options = canonical_json(entry.options).decode()
        yield Gate(
            kind=GateKind(name),
            argv=(),
            timeout_seconds=timeout or promotion.default_timeout,
            plugin=PluginChoice(entry.package, options),
        )


def _gate(
    kind: GateKind,
    own: GateEntry,
    default: GateEntry,
    promotion: Promotion,
    environment: EnvironmentEntry,
) -> Gate:
    shared = _shared_command(promotion.gate_commands, kind)
    # The nearest setting wins: by FR-012d an environment overrides the settings of all of them.
    timeout = _first(
        own.timeout_seconds,
        environment.gate_timeout_seconds,
        default.timeout_seconds,
        shared.timeout_seconds if shared else None,
    )
    return Gate(
        kind=kind,
        argv=_first(own.command, default.command, shared.command if shared else None) or (),
        timeout_seconds=timeout or promotion.default_timeout,
        env=_first(own.env, default.env, shared.env if shared else None) or (),
        security=_security(own, default, shared) if kind is GateKind.SECURITY_SCAN else None,
        limits=_limits(
            own.limits, environment.gate_limits, default.limits, shared.limits if shared else None
        ),
    )


def _limits(*nearest_first: OwnLimits | None) -> GateLimits:
    """Take each limit from the nearest entry that has it."""
    entries = [entry for entry in nearest_first if entry is not None]
    return GateLimits(
        processes=_first(*(entry.processes for entry in entries)),
        memory_mb=_first(*(entry.memory_mb for entry in entries)),
    )


def _security(*nearest_first: object) -> SecurityRules:
    entries = [entry for entry in nearest_first if isinstance(entry, ScanRules)]

    def nearest(read: Callable[[ScanRules], T | None], default: T) -> T:
        found = _first(*map(read, entries))
        return default if found is None else found

    return SecurityRules(
        scanner_format=nearest(lambda entry: entry.scanner_format, _SECURITY.scanner_format),
        block_on_severity=frozenset(
            nearest(lambda entry: entry.block_on_severity, tuple(_SECURITY.block_on_severity))
        ),
        ignore_unfixed=nearest(lambda entry: entry.ignore_unfixed, _SECURITY.ignore_unfixed),
        block_on_secrets=nearest(lambda entry: entry.block_on_secrets, _SECURITY.block_on_secrets),
        block_on_eol=nearest(lambda entry: entry.block_on_eol, _SECURITY.block_on_eol),
    )


def _entry(gates: Gates, kind: GateKind) -> GateEntry | bool | None:
    return {
        GateKind.TESTS: gates.tests,
        GateKind.SECURITY_SCAN: gates.security_scan,
        GateKind.COST_ANALYSIS: gates.cost_analysis,
        GateKind.PERFORMANCE_BASELINE: gates.performance_baseline,
    }[kind]


def _entry_or_empty(entry: GateEntry | bool | None) -> GateEntry:
    return entry if isinstance(entry, GateEntry) else GateEntry()


def _shared_command(commands: GateCommands, kind: GateKind) -> GateCommand | None:
    command = {
        GateKind.TESTS: commands.tests,
        GateKind.SECURITY_SCAN: commands.security_scan,
        GateKind.COST_ANALYSIS: commands.cost_analysis,
        GateKind.PERFORMANCE_BASELINE: commands.performance_baseline,
    }[kind]
    return GateCommand(command=list(command)) if isinstance(command, tuple) else command


def _authorization(entry: AuthorizationEntry | None) -> Authorization | None:
    if entry is None:
        return None
    return Authorization(
        allowed_groups=_set(entry.allowed_groups),
        allowed_operators=_set(entry.allowed_operators),
        separation_of_duties=entry.separation_of_duties,
    )


def _enforcement(verification: Verification | None, name: str) -> Enforcement:
    if verification is None:
        return Enforcement.OFF
    override = verification.environments.get(name)
    return override.enforcement if override else verification.enforcement


def _lock(entry: LockEntry | None) -> FixedLock | None:
    if entry is None or not entry.locked:
        return None
    return FixedLock(entry.reason or "", entry.locked_by or "", entry.locked_at)


def _set(names: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _first(*values: T | None) -> T | None:
    return next((value for value in values if value is not None), None)
