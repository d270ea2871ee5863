"""What a server refuses, as the error it would be here; and a server that cannot be asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import BaseModel, Field

from engine.domain.errors import PromotionError, UsageError


class ServerUnavailableError(PromotionError):
    """The server does not answer, or not as `floe serve` does; what it does is unknown."""

    exit_code = 5
    reason_code = "server_unavailable"


class ToldError(BaseModel):
    """The `error` of a JSON answer."""

    type: str
    reason_code: str
    message: str
    exit_code: int = Field(ge=1, le=255)
    details: dict[str, object] = {}

    def raised(self) -> PromotionError:
        """The error it was there: of the class of that name, else of one with its exit code."""
        kinds = list(_kinds(PromotionError))
        named = [kind for kind in kinds if kind.__name__ == self.type]
        alike = [kind for kind in kinds if kind.exit_code == self.exit_code]
        kind: type[PromotionError] = [*named, *alike, PromotionError][0]
        error = kind(self.message, self.details)
        error.exit_code, error.reason_code = self.exit_code, self.reason_code
        return error


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


def _kinds(kind: type[PromotionError]) -> Iterator[type[PromotionError]]:
    yield kind
    for special in kind.__subclasses__():
        yield from _kinds(special)
