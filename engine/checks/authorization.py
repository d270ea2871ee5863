"""Only those an environment names may change it (FR-046 … FR-049)."""

import json

from engine.checks.check import reads
from engine.context.context import Context
from engine.domain.environment import Authorization, Environment
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
from engine.domain.rights import Rights
from engine.domain.state import LockState
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
    """
    The target's rules. Without any, at the command line anybody who can reach the registry may,
    and through a server anybody whom some rule of the manifest names.
    """
    via = granted_via(request.operator, context.target, context.rights)
    return passed(_NAME, via) if via else _refused(request, context)


@reads()
def may_lock(request: LockRequest, context: Context) -> Finding:
    """The safe verb is not harder than the dangerous one: who may promote may lock."""
    via = granted_via(request.operator, context.target, context.rights)
    if not via and context.rights.may_lock(request.operator):
        via = "identity.lockers"
    return passed(_NAME, via) if via else _refused(request, context)


@reads(Context.target_head)
def may_unlock(request: UnlockRequest, context: Context) -> Finding:
    """Who locked may unlock, and so may whom the environment authorizes."""
    operator, held = request.operator, context.lock
    via = granted_via(operator, context.target, context.rights)
    if held is None:
        allowed = via or context.rights.may_lock(operator)
        return passed(_NAME, "there is no lock to lift") if allowed else _refused(request, context)
    holder = context.directory.known_as(held.operator, held.operator_id)
    mine = not holder.isdisjoint(operator.identities)
    if not operator.verified and not (via and _unverified_holder(held)):
        return _refused(request, context)
    return (
        passed(_NAME, "who locked" if mine else via) if mine or via else _refused(request, context)
    )


def granted_via(operator: Operator, target: Environment, rights: Rights) -> str:
    """What lets `operator` change `target`, such as a group; empty when nothing does."""
    rules = target.authorization
    if rules is None:
        return _granted_without_rules(operator, target, rights)
    if not operator.verified:
        return ""
    if rules.allowed_groups is None and rules.allowed_operators is None:
        return "any verified operator"
    groups = operator.groups & (rules.allowed_groups or frozenset())
    if groups:
        return f"group {min(groups)}"
    if operator.names & (rules.allowed_operators or frozenset()):
        return f"operator {operator.name}"
    return ""


def doubt_of(operator: Operator) -> str:
    """Why `operator` is not verified, and what to do."""
    return operator.doubt or "nobody vouches for it. Sign in with FLOE_ID_TOKEN"


def _granted_without_rules(operator: Operator, target: Environment, rights: Rights) -> str:
    if rights.served and not rights.knows(operator):
        return ""
    if not target.approvals.required:
        return f"{target} asks for no authorization"
    return "any verified operator" if operator.verified else ""


def _unverified_holder(held: LockState) -> bool:
    """Nobody vouches for the holder: their id is all the name they have."""
    return held.operator == held.operator_id and held.operator.startswith(("os:", "registry:"))


def _refused(request: Request, context: Context) -> Finding:
    operator = request.operator
    rules = context.target.authorization or Authorization()
    needed, named = sorted(rules.allowed_groups or ()), sorted(rules.allowed_operators or ())
    return blocked(
        _NAME,
        f"Unauthorized: Operator '{operator.name}' is not authorized to "
        f"{_VERBS[type(request)]} '{request.target}'. {_why(request, context)}",
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
        f"To admit this operator, write allowed_operators: {printable(names)} under "
        f"authorization of '{target}' in manifest.yaml."
    )


def _why(request: Request, context: Context) -> str:
    operator, rules = request.operator, context.target.authorization
    said: list[str] = []
    needed = sorted((rules and rules.allowed_groups) or ())
    named = sorted((rules and rules.allowed_operators) or ())
    if rules and (rules.allowed_groups is not None or rules.allowed_operators is not None):
        said.append(f"Required groups: [{', '.join(needed)}].")
        said.append(f"Your groups: [{', '.join(sorted(operator.groups))}].")
        said += [f"Allowed operators: [{', '.join(named)}]."] if named else []
    if not operator.verified:
        said.append(f"The identity '{operator.id}' is not verified: {doubt_of(operator)}.")
    elif said:
        said.append(_line_that_admits(operator, named, request.target))
    else:
        said.append(
            f"'{request.target}' has no authorization, and no rule of manifest.yaml names you: "
            "have yourself added to a group under identity.groups."
        )
    return " ".join(said)
