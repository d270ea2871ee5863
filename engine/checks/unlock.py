"""A lock in manifest.yaml is removed there, and not by `unlock`."""

from engine.checks.check import reads
from engine.context.freeze import UnlockContext
from engine.domain.errors import EnvironmentLockedError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.request import UnlockRequest

_NAME = "lock"


@reads()
def no_manifest_lock(request: UnlockRequest, context: UnlockContext) -> Finding:
    """Block an unlock of an environment that manifest.yaml locks."""
    fixed = context.target.fixed_lock
    if fixed is None:
        return passed(_NAME, f"{request.target} is not locked by manifest.yaml")
    return blocked(
        _NAME,
        f"Environment '{request.target}' is locked in manifest.yaml by {fixed.locked_by}: "
        f"{fixed.reason}. Remove `lock` there to unlock it",
        EnvironmentLockedError,
        {"environment": request.target},
    )
