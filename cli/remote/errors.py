"""What a server refuses, as the error it would be here; and a server that cannot be asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import BaseModel, Field

from engine.domain.error_record import restore_error
from engine.domain.errors import PromotionError, UnavailableError, UsageError


class ServerUnavailableError(UnavailableError):
    """The server does not answer, or not as `floe serve` does."""

    reason_code = "server_unavailable"


class ToldError(BaseModel):
    """The `error` of a JSON answer."""

    type: str
    reason_code: str
    message: str
    exit_code: int = Field(ge=1, le=255)
    details: dict[str, object] = {}

    def restored(self) -> PromotionError:
        return restore_error(
            self.type, self.reason_code, self.exit_code, self.message, self.details
        )


class Failure(BaseModel):
    """An answer that says why it is none."""

    error: ToldError


@contextmanager
def absent(change_id: str) -> Iterator[None]:
    """A change that is not there is what it would be here."""
    try:
        yield
    except PromotionError as error:
        if error.reason_code != "not_found":
            raise
        raise UsageError(
            f"There is no change '{change_id}'. Those there are: floe platform changes"
        ) from error


def known(names: Sequence[str], environment: str) -> None:
    """UsageError for an environment the server's path does not have."""
    if environment not in names:
        raise UsageError(
            f"'{environment}' is not an environment. Environments: {', '.join(names)}",
            {"environment": environment, "environments": list(names)},
        )
