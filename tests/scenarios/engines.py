"""Engines for tests: on any registry, with real leases and gates, and a ticking clock."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.adapters.gates import CommandGates
from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.ledger.sealing import Sealing
from engine.adapters.state import FileLeases
from engine.api import Engine
from engine.config.digests import policy_document
from engine.config.ledger import Ledger
from engine.config.people import Identity
from engine.domain.environment import Environment
from engine.domain.gate import Gate, GateKind, GateResult
from engine.domain.identity import Directory
from engine.domain.operator import IdentitySource, Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.parsing import parse_promotion_request
from engine.domain.path import PromotionPath
from engine.domain.policy_document import PolicyDocument
from engine.domain.request import PromotionRequest
from engine.domain.result import Result
from engine.domain.rights import Rights
from engine.execution.runner import Runner
from engine.ports import Clock, Registry

TRACE_ID = "1" * 32
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


def person(name: str, *groups: str, verified: bool = True) -> Operator:
    """A person known by an e-mail address, or an unverified name."""
    return Operator(
        name=name,
        id=f"oidc:https://id.example.com#{name}",
        source=IdentitySource.OIDC,
        verified=verified,
        groups=frozenset(groups),
        names=frozenset({name, f"oidc:https://id.example.com#{name}"}),
    )


ALICE = person("alice@acme.com")
BOB = person("bob@acme.com")


@dataclass
class TickingClock:
    """Implements `engine.ports.Clock`: each reading is a second later."""

    time: datetime = NOON

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


@dataclass
class ProgressLog:
    """Implements `engine.ports.Progress`: collects the notifications."""

    steps: list[str] = field(default_factory=list)
    started: list[GateKind] = field(default_factory=list)
    finished: list[GateResult] = field(default_factory=list)
    outputs: dict[GateKind, bytes] = field(default_factory=dict)

    def step(self, text: str) -> None:
        self.steps.append(text)

    def advance(self, text: str, done: int, total: int, unit: str) -> None:
        self.steps.append(f"{text}: {done} of {total} {unit}")

    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None:
        self.started.append(gate)

    def gate_finished(self, result: GateResult) -> None:
        self.finished.append(result)

    def gate_output(self, gate: GateKind, output: bytes) -> None:
        self.outputs[gate] = output

    def check_cancelled(self) -> None: ...


def path_of(*environments: str | Environment) -> PromotionPath:
    """Return a path of environments; those given only by name have no rules."""
    return PromotionPath(tuple(Environment(e) if isinstance(e, str) else e for e in environments))


DEFAULT_PATH = path_of("dev", "staging", "prod")


def gate(*argv: str, kind: GateKind = GateKind.TESTS, env: tuple[str, ...] = ()) -> Gate:
    """Return a gate that runs `argv` in the engine's directory."""
    return Gate(kind, argv, timeout_seconds=30, env=env)


def policy_of(
    path: PromotionPath = DEFAULT_PATH, directory: Directory | None = None
) -> PolicyDocument:
    """Return the document with the rules of `path`, and the people of `directory`."""
    aliases: dict[str, tuple[str, ...]] = {}
    for name, of in (directory.people if directory else {}).items():
        aliases[of] = (*aliases.get(of, ()), name)
    return policy_document(path, (), None, Identity(aliases=aliases), Ledger())


@contextmanager
def engine_on(
    registry: Registry,
    folder: Path,
    path: PromotionPath = DEFAULT_PATH,
    *,
    directory: Directory | None = None,
    clock: Clock | None = None,
    policy: PolicyDocument | None = None,
    lease_seconds: float = 60,
    rights: Rights | None = None,
    sealing: Sealing | None = None,
) -> Iterator[Engine]:
    """An engine on `registry`; gates run in `folder`, leases are in `folder/leases`."""
    with ThreadPoolExecutor(16) as pool:
        runner = Runner(
            path=path,
            registry=registry,
            ledger=RegistryLedger(registry, sealing=sealing),
            gate_runner=CommandGates(folder, os.environ),
            leases=FileLeases(folder / "leases", lease_seconds),
            clock=clock or TickingClock(),
            pool=pool,
            policy=policy or policy_of(path, directory),
            directory=directory or Directory(),
            rights=rights or Rights(),
        )
        yield Engine(runner)


def promotion(
    engine: Engine,
    version: str,
    target: str,
    operator: Operator = ALICE,
    source: str | None = None,
    trace_id: str = TRACE_ID,
    overrides: Overrides = NO_OVERRIDES,
) -> PromotionRequest:
    """Parse the arguments into a request, as an interface does."""
    return parse_promotion_request(
        engine.path, version, source, target, operator, trace_id, overrides
    )


def promote(
    engine: Engine,
    version: str,
    target: str,
    operator: Operator = ALICE,
    overrides: Overrides = NO_OVERRIDES,
) -> Result:
    """Plan and execute a promotion."""
    asked = promotion(engine, version, target, operator, overrides=overrides)
    return engine.run(asked, ProgressLog())


def with_parts(engine: Engine, **parts: object) -> Engine:
    """Return `engine` with other adapters or settings."""
    runner: Runner = replace(engine.runner, **parts)  # type: ignore[arg-type]  # by name
    return Engine(runner)
