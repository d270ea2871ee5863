"""Explain errors of PostgreSQL: the problem and its fix."""

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from engine.domain.errors import ConfigError
from engine.domain.text import printable

# The first class that fits decides.
_PROBLEMS: tuple[tuple[type[psycopg.Error], str], ...] = (
    (errors.LockNotAvailable, "is being written by others and was not free in time: try again"),
    (errors.DeadlockDetected, "ended a transaction because of a deadlock: try again"),
    (errors.ConnectionTimeout, "does not answer: start it, or correct state.url"),
    (errors.DiskFull, "cannot grow, its disk is full: free some space and repeat"),
    (
        errors.ReadOnlySqlTransaction,
        "is a standby, which cannot be written: add target_session_attrs=read-write to state.url",
    ),
    (
        errors.InsufficientPrivilege,
        "does not let this user use the schema: grant it, or correct state.schema",
    ),
    (errors.TooManyConnections, "has too many connections: raise max_connections, or try again"),
    (
        errors.IdleInTransactionSessionTimeout,
        "ended a transaction in which floe stood still: try again",
    ),
    (errors.AdminShutdown, "is being restarted: try again"),
    (errors.CrashShutdown, "is being restarted: try again"),
    (errors.CannotConnectNow, "is starting: try again"),
)
_BY_TEXT = (
    ("password authentication failed", "refuses the user or the password: correct state.url"),
    ("no password supplied", "asks for a password: add it to state.url"),
    ("the database system is", "is starting or stopping: try again"),
    ("too many clients", "has too many connections: raise max_connections, or try again"),
    ("too many connections", "has too many connections: raise max_connections, or try again"),
    ("certificate", "has a certificate that was not accepted: correct sslmode and sslrootcert"),
    ("no pg_hba.conf entry", "does not admit this client: correct pg_hba.conf, or state.url"),
)


def describe_postgres_error(error: psycopg.Error, wait_seconds: float) -> str:
    """Continue a sentence that starts with the server."""
    if isinstance(error, errors.QueryCanceled | errors._WaitTimeout):
        return f"did not answer within {wait_seconds:g} seconds: try again"
    for kind, problem in _PROBLEMS:
        if isinstance(error, kind):
            return problem
    text = printable(" ".join(str(error).split()))
    for words, problem in _BY_TEXT:
        if words in text:
            return problem
    if "database" in text and "does not exist" in text:
        return "does not exist: create the database, or correct state.url"
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return f"cannot be reached ({text}): start it, or correct state.url"
    return f"cannot be used ({type(error).__name__}: {text}): fix the cause and repeat"


def server_address(url: str) -> str:
    """The server and database of `url`, as messages name it: never with the password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The text of the error may contain the password.
        raise ConfigError(
            "state.url is not a connection URI: write postgresql://USER:PASSWORD@HOST:5432/DATABASE"
        ) from None
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"PostgreSQL {host}{port}/{parts.get('dbname') or parts.get('user') or ''}"
