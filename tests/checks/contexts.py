"""Contexts made from plain values, to judge a request without a registry."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from typing import Any, cast

from engine.checks.check import Check
from engine.context.context import Context, Sources
from engine.context.facts import Fact
from engine.domain.artifact import Digest, Version
from engine.domain.finding import Finding
from engine.domain.identity import Directory
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.operator import IdentitySource, Operator
from engine.domain.path import PromotionPath
from engine.domain.record import AnyRecord
from engine.domain.request import Request
from engine.domain.rights import Rights
from engine.domain.state import EMPTY, EnvironmentState, state_after
from engine.operations import OPERATIONS
from engine.ports import NO_PROGRESS, GateRunner, LedgerReader, RegistryReader
from tests.scenarios.engines import path_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
V1, V2 = Version("v1.0.0"), Version("v2.0.0")
MANIFEST = Manifest(b"{}", IMAGE_MANIFEST)
OTHER = Digest.of(b"other content")
PATH = path_of("dev", "staging", "prod")
REASON = "INC-42"
TRACE = "1" * 32


def person(name: str, *groups: str, verified: bool = True, doubt: str = "") -> Operator:
    """A user of the registry, who has the qualified id as the only name if not verified."""
    qualified = f"registry:r.example/{name}"
    shown = name if verified else qualified
    return Operator(
        shown,
        qualified,
        IdentitySource.REGISTRY,
        verified,
        frozenset(groups),
        frozenset({shown, qualified}),
        doubt=doubt,
    )


def known_by_id(id: str, *, verified: bool = False) -> Operator:
    """An operator whose only name is the qualified id."""
    source = IdentitySource(id.partition(":")[0])
    return Operator(id, id, source, verified, names=frozenset({id}))


ALICE = person("alice")
BOB = person("bob")


class NoSource:
    """A source of facts that fails the test when a check reads it."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a check reads '{name}', which is no fact of the test")


class DirectExecutor(Executor):
    """Runs every call in the thread that submits it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def entry(record: AnyRecord, state: EnvironmentState | None = None) -> LedgerEntry:
    """The first entry of a ledger, with the state that follows from `record` unless given."""
    after = state_after(EMPTY, record, 1) if state is None else state
    return LedgerEntry(record.ledger, 1, {}, record, after, Manifest(b"entry", IMAGE_MANIFEST))


def judge(
    check: Check[Any, Any],
    request: Request,
    path: PromotionPath = PATH,
    *,
    directory: Directory | None = None,
    rights: Rights | None = None,
    **facts: object,
) -> tuple[Finding, ...]:
    """
    Judge `request` by `check` alone, in a context that knows no other facts than `facts`.

    Facts may read each other in a real context, so `test_no_io` shows that those declared suffice.
    """
    nothing = NoSource()
    sources = Sources(
        cast(RegistryReader, nothing),
        cast(LedgerReader, nothing),
        cast(GateRunner, nothing),
        DirectExecutor(),
        directory or Directory(),
        rights or Rights(),
    )
    known = {name: _constant(name, value) for name, value in facts.items()}
    kind = cast(type[Context], OPERATIONS[type(request)].context)
    context: Context = type("Known", (kind,), known)(request, path, sources, NOW, NO_PROGRESS)
    context.fetch([*check.reads, *known.values()])
    return check(request, context)


def judge_once(check: Check[Any, Any], request: Request, *path: Any, **facts: Any) -> Finding:
    """The only finding of `check`."""
    (found,) = judge(check, request, *path, **facts)
    return found


def _constant(name: str, value: object) -> Fact[object]:
    def read(_facts: object) -> object:
        return value

    read.__name__ = name
    return Fact(read)
