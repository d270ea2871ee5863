"""Builds the parts of a server beside the engine: sign-in, and the copy of the records."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from threading import Lock

from engine.adapters.store import ended_sessions
from engine.adapters.store.ended_sessions import SqlEndedSessions
from engine.adapters.store.favourites import SqlFavourites
from engine.adapters.store.record_tables import FILE_NAME
from engine.adapters.store.records import SqlRecords
from engine.api import Engine
from engine.audit.checkpoint_maker import CheckpointMaker
from engine.audit.record_cache import Records
from engine.audit.verdict import judge_digest
from engine.bootstrap.clock import clock_of
from engine.bootstrap.identity import server_rights, sign_in_verifier, token_verifier
from engine.bootstrap.state import open_database, records_copy, shared_secret
from engine.changes.checkpoint_events import record_checkpoint
from engine.changes.memberships import People
from engine.config import Config, ServerConfig
from engine.config.issuers import OidcSignIn
from engine.domain.errors import AuthorizationError, StoreUnavailableError
from engine.domain.identity import Claims
from engine.domain.operator import Operator
from engine.domain.status import EnvironmentStatus
from engine.execution.entry_reconciler import EntryReconciler, ImpatientLeases
from engine.execution.state_rebuild import rebuild_state
from engine.platform import Platform
from engine.ports.record_cache import CachedRange, CachedRecord, CachedStatus, Cursor
from engine.ports.telemetry import UNWITNESSED, Metrics
from engine.runtime.database import Database
from engine.runtime.sqlite_file import remove_database

__all__ = [
    "CachedRange",
    "CachedRecord",
    "CachedStatus",
    "Cursor",
    "Database",
    "Entrance",
    "Records",
    "SqlEndedSessions",
    "SqlFavourites",
    "clock_of",
    "entrance",
    "judge_digest",
    "open_people",
    "open_record_tables",
    "open_records",
    "records_of",
    "server_rights",
    "shared_secret",
]


@dataclass(frozen=True)
class Entrance:
    """
    The sign-in of a server. All functions for operators raise AuthorizationError.

    `bearer` returns the operator of a token of `identity.oidc`, where `takes_tokens` says that
    there is an issuer. `signed_in` returns the claims of an ID token of the `web.auth` provider,
    bound to a sign-in by its nonce. `recognized` returns the operator of claims, with current
    groups.
    """

    takes_tokens: Callable[[], bool]
    bearer: Callable[[str], Operator]
    signed_in: Callable[[str, str], Claims]
    recognized: Callable[[Claims], Operator]


@contextmanager
def entrance(config: ServerConfig, people: People) -> Iterator[Entrance]:
    """The sign-in of `people`; it caches the keys of issuers until a reload changes them."""
    auth = config.web.auth
    parse = import_module("engine.adapters.identity.token").Token.parse
    with ExitStack() as stack:
        tokens = stack.enter_context(closing(_Tokens(people)))
        sign_ins = (
            stack.enter_context(closing(sign_in_verifier(auth)))
            if isinstance(auth, OidcSignIn)
            else None
        )

        def signed_in(token: str, nonce: str) -> Claims:
            if sign_ins is None:
                raise AuthorizationError("sign-in is not available: web.auth.mode is not oidc")
            claims = sign_ins.claims(token)
            if parse(token).payload.get("nonce") != nonce:
                raise AuthorizationError("the ID token belongs to another sign-in: sign in again")
            return claims

        yield Entrance(
            takes_tokens=lambda: bool(people.identity.oidc),
            bearer=lambda token: people.directory.operator(tokens.claims(token)),
            signed_in=signed_in,
            recognized=lambda claims: people.directory.operator(claims),
        )


class _Tokens:
    """Verifies tokens by the present issuers of `people`."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._turn = Lock()
        self._issuers = people.identity.oidc
        # A request may still use the verifier of earlier issuers.
        self._opened = [token_verifier(self._issuers)]

    def claims(self, token: str) -> Claims:
        """Verify `token`; AuthorizationError if no present issuer admits it."""
        with self._turn:
            if self._issuers != self._people.identity.oidc:
                self._issuers = self._people.identity.oidc
                self._opened.append(token_verifier(self._issuers))
            verifier = self._opened[-1]
        return verifier.claims(token)

    def close(self) -> None:
        for verifier in self._opened:
            verifier.close()


def checkpoint_maker(platform: Platform) -> CheckpointMaker | None:
    """The background work that signs the ledgers; None without a key for it."""
    engine, runner = platform.engine, platform.engine.runner
    if runner.checkpoints is None or runner.checkpoints.open().signer is None:
        return None
    maker = CheckpointMaker(
        engine.path.names,
        runner.ledger,
        engine.make_checkpoints,
        made=partial(record_checkpoint, platform.store),
    )
    if runner.checkpoints.open().witnesses:
        maker.unwitnessed = partial(_set_unwitnessed, runner.metrics)
    return maker


def _set_unwitnessed(metrics: Metrics, environment: str, entries: int) -> None:
    metrics.level(UNWITNESSED, entries, environment=environment)


def open_people(config: ServerConfig) -> tuple[SqlEndedSessions, SqlFavourites]:
    """The sessions that were ended by signing out, and the favourites of people."""
    tables = open_database(
        config,
        "sessions",
        ended_sessions.MIGRATIONS,
        lambda: ended_sessions.sessions_database(config.state_dir),
    )
    return SqlEndedSessions(tables), SqlFavourites(tables)


def rebuild_records(config: Config, engine: Engine) -> tuple[tuple[EnvironmentStatus, int], ...]:
    """Copy the records again; see `state_rebuild`. Returns each status and number of records."""
    with open_records(config, engine) as records:
        return rebuild_state(engine.runner, records)


def entry_reconciler(platform: Platform) -> EntryReconciler | None:
    """The background work that completes claimed entries; None if this server writes alone."""
    runner = platform.engine.runner
    if platform.at_once is None:
        return None
    return EntryReconciler(replace(runner, leases=ImpatientLeases(platform.at_once, runner.leases)))


@contextmanager
def open_record_tables(config: ServerConfig) -> Iterator[Database]:
    """The tables for copies of the records; an unusable file of them is created again."""
    tables = records_copy(config)
    try:
        SqlRecords(tables).cached_ranges()
    except StoreUnavailableError:
        tables.close()
        if config.state_url is not None or (config.state_dir / FILE_NAME).is_dir():
            raise
        remove_database(config.state_dir / FILE_NAME)
        tables = records_copy(config)
    with closing(tables):
        yield tables


def records_of(product: str, engine: Engine, tables: Database) -> Records:
    """The copy of the records of one product in `tables`, which all products share."""
    kept, runner = SqlRecords(tables, product), engine.runner
    guard = runner.rewind_guard
    return Records(engine.path.names, runner.ledger, kept, runner.clock, guard=guard)


@contextmanager
def open_records(config: Config, engine: Engine) -> Iterator[Records]:
    """The copy of the records, in tables of its own."""
    with open_record_tables(config) as tables:
        yield records_of(config.product, engine, tables)
