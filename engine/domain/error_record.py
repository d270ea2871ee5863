"""Rebuild errors that another process, or an earlier version of floe, wrote down."""

from collections.abc import Iterator

import engine.domain.release_errors  # noqa: F401 - its classes are found by their base
from engine.domain import release_errors
from engine.domain.errors import Details, PromotionError


def restore_error(
    kind: str | None, reason_code: str, exit_code: int, message: str, details: Details
) -> PromotionError:
    """
    Rebuild an error whose class is found by `kind`, else by `reason_code`, else by `exit_code`.

    An unknown `kind` is kept: programs read the same type as before.
    """
    _ = release_errors  # its classes are found below PromotionError
    classes = list(_classes(PromotionError))
    for matches in (
        lambda each: each.kind == kind,
        lambda each: each.reason_code == reason_code,
        lambda each: each.exit_code == exit_code,
    ):
        found = next(filter(matches, classes), None)
        if found:
            break
    error = (found or PromotionError)(message, details)
    error.kind, error.reason_code = kind or error.kind, reason_code
    error.exit_code = exit_code
    return error


def _classes(base: type[PromotionError]) -> Iterator[type[PromotionError]]:
    """Classes below `base` that are built from a message and details, `base` first."""
    if base.__init__ is PromotionError.__init__:
        yield base
    for special in base.__subclasses__():
        yield from _classes(special)
