"""Errors that a server reports, and errors of the connection to it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from engine.domain.errors import PromotionError, UnavailableError, UsageError
from engine.domain.path import unknown_environment
from engine.responses.common import ErrorInfo, Response


class ServerUnavailableError(UnavailableError):
    """The server does not answer, or not as `floe serve` does."""

    reason_code = "server_unavailable"


class Refusal(Response):
    """An answer with an error."""

    error: ErrorInfo


@contextmanager
def absent(change_id: str) -> Iterator[None]:
    """Report an unknown change in the words of the local command."""
    try:
        yield
    except PromotionError as error:
        if error.reason_code != "not_found":
            raise
        raise UsageError(
            f"Change '{change_id}' not found. List changes with: floe platform changes"
        ) from error


def known(names: Sequence[str], environment: str) -> None:
    """UsageError for an environment that the server's path does not have."""
    if environment not in names:
        raise unknown_environment(environment, names)
