"""Only those an environment names may change it (FR-046 … FR-049)."""

import json

from engine.checks.check import reads
from engine.context.context import Context
from engine.domain.environment import Authorization
from engine.domain.errors import AuthorizationError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.operator import Operator
from engine.domain.request import (
    LockRequest,
    PromotionRequest,
    Request,
    RestoreRequest,
    RollbackRequest,
    UnlockRequest,
)
from engine.domain.text import printable

_NAME = "authorization"
_VERBS: dict[type[Request], str] = {
    PromotionRequest: "promote to",
    RollbackRequest: "roll back",
    RestoreRequest: "restore",
    LockRequest: "lock",
    UnlockRequest: "unlock",
}


@reads()
def authorization(request: Request, context: Context) -> Finding:
    """The target's rules; without any, whoever can reach the registry may."""
    rules = context.target.authorization
    if rules is None and not context.target.approvals.required:
        return passed(_NAME, f"{request.target} asks for no authorization")
    operator = request.operator
    if not operator.verified:
        return _refused(request, context, _unverified(operator))
    via = granted_via(operator, rules or Authorization())
    return passed(_NAME, via) if via else _refused(request, context, "")


@reads()
def verified(request: LockRequest, context: Context) -> Finding:
    """Anybody may stop promotions, if it is known who they are."""
    if request.operator.verified:
        return passed(_NAME, "any verified operator may lock")
    return _refused(request, context, _unverified(request.operator))


@reads(Context.target_head)
def may_unlock(request: UnlockRequest, context: Context) -> Finding:
    """Who locked may unlock, and so may whom the environment authorizes."""
    operator, held = request.operator, context.lock
    if held is None:
        return passed(_NAME, "there is no lock to lift")
    if not operator.verified:
        return _refused(request, context, _unverified(operator))
    holder = context.directory.known_as(held.operator, held.operator_id)
    if not holder.isdisjoint(operator.identities):
        return passed(_NAME, "who locked")
    via = granted_via(operator, context.target.authorization or Authorization())
    return passed(_NAME, via) if via else _refused(request, context, "")


def granted_via(operator: Operator, rules: Authorization) -> str:
    """What lets `operator` in: a group, their name, being verified; empty when nothing does."""
    if rules.allowed_groups is None and rules.allowed_operators is None:
        return "any verified operator"
    groups = operator.groups & (rules.allowed_groups or frozenset())
    if groups:
        return f"group {min(groups)}"
    if operator.names & (rules.allowed_operators or frozenset()):
        return f"operator {operator.name}"
    return ""


def _unverified(operator: Operator) -> str:
    return f" The identity '{operator.id}' is not verified: {doubt_of(operator)}."


def doubt_of(operator: Operator) -> str:
    """Why `operator` is not verified, and what to do."""
    return operator.doubt or "nobody vouches for it. Sign in with FLOE_ID_TOKEN"


def _refused(request: Request, context: Context, more: str) -> Finding:
    operator = request.operator
    rules = context.target.authorization or Authorization()
    needed, named = sorted(rules.allowed_groups or ()), sorted(rules.allowed_operators or ())
    others = f" Allowed operators: [{', '.join(named)}]." if named else ""
    more = more or _line_that_admits(operator, named, request.target)
    verb = _VERBS[type(request)]
    return blocked(
        _NAME,
        f"Unauthorized: Operator '{operator.name}' is not authorized to {verb} "
        f"'{request.target}'. Required groups: [{', '.join(needed)}]. "
        f"Your groups: [{', '.join(sorted(operator.groups))}].{others}{more}",
        AuthorizationError,
        {
            "operator": operator.name,
            "required_groups": needed,
            "allowed_operators": named,
            "groups": sorted(operator.groups),
            "verified": operator.verified,
        },
    )


def _line_that_admits(operator: Operator, named: list[str], target: str) -> str:
    """The line of the manifest that would admit `operator`; JSON's quotes are YAML's too."""
    names = json.dumps([*named, operator.name], ensure_ascii=False)
    return (
        f" To admit this operator, write allowed_operators: {printable(names)} under "
        f"authorization of '{target}' in manifest.yaml."
    )
