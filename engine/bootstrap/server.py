"""What a server needs beside the engine: who signs in, and the ledgers' records kept near."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib import import_module

from engine.adapters.store.records import FILE_NAME, SqliteRecords
from engine.api import Engine
from engine.audit.record_cache import Records
from engine.bootstrap.identity import sign_in_verifier, token_verifier
from engine.bootstrap.platform import refusals_of
from engine.config import Config
from engine.config.issuers import OidcSignIn
from engine.domain.errors import AuthorizationError, StoreUnavailableError
from engine.domain.identity import Claims
from engine.domain.operator import Operator
from engine.domain.plan import Plan
from engine.execution.refusals import attempt_of_plan
from engine.ports.record_cache import CachedRecord, CachedStatus, Cursor
from engine.runtime.sqlite_file import remove_database

__all__ = [
    "CachedRecord",
    "CachedStatus",
    "Cursor",
    "Entrance",
    "Records",
    "entrance",
    "open_records",
]


@dataclass(frozen=True)
class Entrance:
    """
    `bearer` is who an OIDC token of `identity.oidc` speaks of. `signed_in` is whom the ID token
    that the provider of `web.auth` gave, bound to a sign-in by its nonce, speaks of; `recognized`
    makes an operator of claims, with the groups of now. All raise AuthorizationError. `refused`
    puts on record, as far as it can, what a plan was refused for.
    """

    bearer: Callable[[str], Operator]
    signed_in: Callable[[str, str], Claims]
    recognized: Callable[[Claims], Operator]
    refused: Callable[[Plan], None]


@contextmanager
def entrance(config: Config, engine: Engine) -> Iterator[Entrance]:
    """For the time a server runs: the issuers' keys are fetched once and kept."""
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
                raise AuthorizationError("Nobody signs in here: web.auth.mode is not oidc")
            claims = sign_ins.claims(token)
            if parse(token).payload.get("nonce") != nonce:
                raise AuthorizationError(
                    "the provider's answer belongs to another sign-in: sign in again"
                )
            return claims

        yield Entrance(
            bearer=lambda token: engine.directory.operator(tokens.claims(token)),
            signed_in=signed_in,
            recognized=engine.directory.operator,
            refused=lambda plan: refusals.note(attempt_of_plan(plan)),
        )


@contextmanager
def open_records(config: Config, engine: Engine) -> Iterator[Records]:
    """The records kept in the state directory; a copy that cannot be used is begun anew."""
    kept = SqliteRecords(config.state_dir)
    try:
        for name in engine.path.names:
            kept.cached_range(name)
    except StoreUnavailableError:
        kept.close()
        if (config.state_dir / FILE_NAME).is_dir():
            raise
        remove_database(config.state_dir / FILE_NAME)
        kept = SqliteRecords(config.state_dir)
    with closing(kept):
        yield Records(engine.path.names, engine.runner.ledger, kept, engine.runner.clock)
