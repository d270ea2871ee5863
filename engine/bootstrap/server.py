"""Builds the parts of a server beside the engine: sign-in, and the copy of the records."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module

from engine.adapters.store import ended_sessions
from engine.adapters.store.ended_sessions import SqlEndedSessions
from engine.adapters.store.records import FILE_NAME, SqlRecords
from engine.api import Engine
from engine.audit.checkpoint_maker import CheckpointMaker
from engine.audit.record_cache import Records
from engine.bootstrap.adapters import leases_of
from engine.bootstrap.identity import sign_in_verifier, token_verifier
from engine.bootstrap.platform import refusals_of
from engine.bootstrap.state import open_database, records_copy, shared_secret
from engine.changes.checkpoint_events import record_checkpoint
from engine.config import Config
from engine.config.issuers import OidcSignIn
from engine.domain.errors import AuthorizationError, StoreUnavailableError
from engine.domain.identity import Claims
from engine.domain.operator import Operator
from engine.domain.plan import Plan
from engine.domain.status import EnvironmentStatus
from engine.execution.entry_reconciler import EntryReconciler, ImpatientLeases
from engine.execution.refusals import attempt_of_plan
from engine.execution.state_rebuild import rebuild_state
from engine.platform import Platform
from engine.ports.record_cache import CachedRecord, CachedStatus, Cursor
from engine.runtime.sqlite_file import remove_database

__all__ = [
    "CachedRecord",
    "CachedStatus",
    "Cursor",
    "Entrance",
    "Records",
    "SqlEndedSessions",
    "entrance",
    "open_ended_sessions",
    "open_records",
    "shared_secret",
]


@dataclass(frozen=True)
class Entrance:
    """
    The sign-in of a server. All functions for operators raise AuthorizationError.

    `bearer` returns the operator of a token of `identity.oidc`. `signed_in` returns the claims of
    an ID token of the `web.auth` provider, bound to a sign-in by its nonce. `recognized` returns
    the operator of claims, with current groups. `refused` records why a plan was refused.
    """

    bearer: Callable[[str], Operator]
    signed_in: Callable[[str, str], Claims]
    recognized: Callable[[Claims], Operator]
    refused: Callable[[Plan], None]


@contextmanager
def entrance(config: Config, engine: Engine) -> Iterator[Entrance]:
    """The sign-in of a server; it caches the keys of issuers while the server runs."""
    auth = config.web.auth
    refusals = refusals_of(config, engine)
    parse = import_module("engine.adapters.identity.token").Token.parse
    with ExitStack() as stack:
        tokens = stack.enter_context(closing(token_verifier(config)))
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
            bearer=lambda token: engine.directory.operator(tokens.claims(token)),
            signed_in=signed_in,
            recognized=engine.directory.operator,
            refused=lambda plan: refusals.note(attempt_of_plan(plan)),
        )


def checkpoint_maker(platform: Platform) -> CheckpointMaker | None:
    """The background work that signs the ledgers; None without a key for it."""
    engine, runner = platform.engine, platform.engine.runner
    if runner.checkpoints is None or runner.checkpoints.open().signer is None:
        return None
    return CheckpointMaker(
        engine.path.names,
        runner.ledger,
        engine.make_checkpoints,
        made=partial(record_checkpoint, platform.store),
    )


def open_ended_sessions(config: Config) -> SqlEndedSessions:
    """The sessions that were ended by signing out."""
    tables = open_database(
        config,
        "sessions",
        ended_sessions.MIGRATIONS,
        lambda: ended_sessions.sessions_database(config.state_dir),
    )
    return SqlEndedSessions(tables)


def rebuild_records(config: Config, engine: Engine) -> tuple[tuple[EnvironmentStatus, int], ...]:
    """Copy the records again; see `state_rebuild`. Returns each status and number of records."""
    with open_records(config, engine) as records:
        return rebuild_state(engine.runner, records)


def entry_reconciler(config: Config, engine: Engine) -> EntryReconciler | None:
    """The background work that completes claimed entries; None if this server writes alone."""
    if config.state_url is None:
        return None
    leases = ImpatientLeases(leases_of(config, 0), engine.runner.leases)
    return EntryReconciler(replace(engine.runner, leases=leases))


@contextmanager
def open_records(config: Config, engine: Engine) -> Iterator[Records]:
    """The copy of the records; an unusable file of it is created again."""
    kept = SqlRecords(records_copy(config))
    try:
        kept.cached_ranges()
    except StoreUnavailableError:
        kept.close()
        if config.state_url is not None or (config.state_dir / FILE_NAME).is_dir():
            raise
        remove_database(config.state_dir / FILE_NAME)
        kept = SqlRecords(records_copy(config))
    with closing(kept):
        yield Records(engine.path.names, engine.runner.ledger, kept, engine.runner.clock)
