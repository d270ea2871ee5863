"""Errors of the rules about releases."""

from engine.domain.errors import (
    AuthorizationError,
    EnvironmentLockedError,
    PromotionError,
    RolledBackError,
)


class WindowClosedError(PromotionError):
    """A freeze window keeps the environment closed."""

    exit_code = 13
    reason_code = "window_closed"
    http_status = 423


class ReviewOverdueError(AuthorizationError):
    """An earlier break-glass of the product was not reviewed in time."""

    reason_code = "review_overdue"


class QuarantinedError(RolledBackError):
    """The environment, or an earlier one, was rolled back from the version."""

    reason_code = "quarantined"


# Time or a person lifts these, so an approved change waits.
HOLDING = (EnvironmentLockedError, WindowClosedError)
