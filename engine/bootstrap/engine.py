"""Opens and closes engines."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.ledger.sealing import Sealing
from engine.adapters.store import SqlHeads
from engine.api import Engine
from engine.bootstrap.adapters import (
    audit_backend_of,
    calendars_of,
    claims_of,
    flush,
    gates_of,
    leases_of,
    policies_of,
    refuse_beside_a_server,
    registry_of,
    tracer_of,
    verifier_of,
    webhook_sender_of,
)
from engine.bootstrap.clock import clock_of
from engine.bootstrap.identity import directory_of, local_operator, rights_of
from engine.bootstrap.keys import LazyAttestations, sealing_of
from engine.bootstrap.secondaries import secondaries_of
from engine.bootstrap.shared import Shared, open_shared
from engine.config import Config, ProductChoice
from engine.config.connection import EmbeddedRegistry
from engine.domain.operator import Operator
from engine.execution.runner import Runner
from engine.ports import Leases, LedgerReader, Registry
from engine.ports.statements import NO_STATEMENTS, Statements
from engine.ports.telemetry import NO_METRICS, Metrics, Tracer
from engine.ports.webhooks import WebhookSender
from engine.runtime.after_answer import postponed

if TYPE_CHECKING:
    from engine.audit.checkpoints import CheckpointSource
    from engine.domain.change import Change
    from engine.domain.plan import Plan

_log = logging.getLogger(__name__)
# The sections of manifest.yaml that a command needs when it may write records.
ACTING = ("artifacts", "ledger.signing")


@contextmanager
def open_engine(
    config: Config,
    *,
    lease_seconds: float = 60,
    metrics: Metrics = NO_METRICS,
    served: bool = False,
    needs: Sequence[str] = ACTING,
    shared: Shared | None = None,
) -> Iterator[Engine]:
    """
    Open the engine of `config`; ConfigError if a section in `needs` lacks its secrets.

    The engines of a server have parts of `shared` in common.
    """
    _check(config, needs)
    with ExitStack() as stack:
        if shared is None:
            shared = stack.enter_context(open_shared(config))
        yield _engine(config, lease_seconds, metrics, served, shared, stack)


def _engine(
    config: Config,
    lease_seconds: float,
    metrics: Metrics,
    served: bool,
    shared: Shared,
    stack: ExitStack,
) -> Engine:
    threads = shared.threads(config.registry)
    registry, sealing = registry_of(config.registry, shared), sealing_of(config)
    heads = SqlHeads(shared.state, registry.reference)
    ledger, leases = RegistryLedger(registry, heads, sealing), leases_of(config, lease_seconds)
    tracer, webhook_sender = _receivers(config, metrics, shared, stack)
    runner = Runner(
        path=config.path,
        registry=registry,
        ledger=ledger,
        gate_runner=gates_of(config),
        leases=leases,
        clock=clock_of(config),
        pool=threads.reads,
        policy=config.policy,
        directory=directory_of(config),
        rights=rights_of(config, served=served),
        verifier=verifier_of(config, shared),
        enforcer=policies_of(config),
        audit_backend=audit_backend_of(config, stack),
        webhook_sender=webhook_sender,
        tracer=tracer,
        metrics=metrics,
        heads=heads,
        claims=claims_of(config),
        secondaries=secondaries_of(config, registry, ledger, leases, shared),
        checkpoints=_checkpoints_of(config, registry, ledger),
        attestations=LazyAttestations(registry, sealing.trusted),
        statements=_statements_of(config, registry, ledger, leases, sealing),
        calendars=calendars_of(config),
        background=served,
    )
    return Engine(runner, threads.work, _recorder_of(config, runner, served, stack))


def _recorder_of(
    config: Config, runner: Runner, served: bool, stack: ExitStack
) -> "Callable[[Plan | Change], None]":
    later = postponed()
    if later is None or served:
        refusals = import_module("engine.bootstrap.refusals")
        recorder: Callable[[Plan | Change], None] = refusals.background_recorder(
            config, runner, served, stack
        )
        return recorder

    def postpone(refused: "Plan | Change") -> None:
        import_module("engine.bootstrap.refusals").postpone_record(config, later, refused)

    return postpone


def _checkpoints_of(
    config: Config, registry: Registry, ledger: LedgerReader
) -> "CheckpointSource | None":
    if config.ledger.checkpoint is None:
        return None
    # Few installations have checkpoints, and TLS for witnesses is slow to import.
    from engine.bootstrap.checkpoints import checkpoints_of

    return checkpoints_of(config, registry, ledger)


def _statements_of(
    config: Config, registry: Registry, ledger: LedgerReader, leases: Leases, sealing: Sealing
) -> Statements:
    signing = config.ledger.signing
    if signing is None or (signing.current is None and "legacy" not in signing.formats):
        return NO_STATEMENTS
    # Few installations issue statements, and cryptography is slow to import.
    from engine.bootstrap.statements import statements_of

    return statements_of(signing, registry, ledger, leases, sealing)


def _receivers(
    config: Config, metrics: Metrics, shared: Shared, stack: ExitStack
) -> tuple[Tracer, WebhookSender]:
    """The parts that report requests to others, until the engine closes."""
    webhook_sender = webhook_sender_of(config, metrics)
    if shared.several:
        # The server delivers the webhooks of all products until its end.
        return shared.once("tracer", lambda: _tracer(shared.stack)), webhook_sender
    tracer = tracer_of()
    stack.callback(flush, webhook_sender, tracer)
    return tracer, webhook_sender


def _tracer(stack: ExitStack) -> Tracer:
    tracer = tracer_of()
    stack.callback(tracer.close)
    return tracer


def _check(config: Config, needs: Sequence[str]) -> None:
    refuse_beside_a_server()
    config.require("artifacts.registry", "state.url", *needs)
    if needs and config.has_plugins:
        import_module("engine.bootstrap.plugins").require_plugins(config)
    for exposure in config.exposures:
        _log.warning("%s", exposure)


@contextmanager
def open_command_engine(manifest: ProductChoice) -> Iterator[tuple[Engine, Operator]]:
    """Open the engine of a command, and resolve its operator."""
    config = manifest.load(os.environ)
    with open_engine(config) as engine:
        yield engine, local_operator(config, engine)


@contextmanager
def open_reading_engine(manifest: ProductChoice, *needs: str) -> Iterator[Engine]:
    """Open the engine of a read-only command; `needs` are the other sections that it uses."""
    with open_engine(manifest.load(os.environ), needs=needs) as engine:
        yield engine


def keeps_changes(config: Config) -> bool:
    """Whether changes are stored here; always with an embedded registry or a database."""
    if config.state_url is not None or isinstance(config.registry, EmbeddedRegistry):
        return True
    return config.state_dir.is_dir()
