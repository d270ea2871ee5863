"""Locks in manifest.yaml are removed there, and approvers release from quarantine."""

from engine.checks.ballots import override_via
from engine.checks.check import reads
from engine.context.freeze import ReleaseContext, UnlockContext
from engine.domain.errors import AuthorizationError, EnvironmentLockedError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.request import ReleaseRequest, UnlockRequest

_NAME, _RIGHTS = "lock", "authorization"


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


@reads()
def release_rights(request: ReleaseRequest, context: ReleaseContext) -> Finding:
    """Admit those who may override a rule of the target."""
    via = override_via(request.operator, context.target, context.rights)
    if via:
        return passed(_RIGHTS, via)
    return blocked(
        _RIGHTS,
        f"Unauthorized: Operator '{request.operator.name}' may not release {request.version} in "
        f"{request.target}. Ask an approver of {request.target}",
        AuthorizationError,
        {"operator": request.operator.name, "groups": sorted(request.operator.groups)},
    )
