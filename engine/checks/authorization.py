"""Only authorized operators may change an environment (FR-046 … FR-049)."""

import json

from engine.checks.check import reads
from engine.context.context import Context
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import AuthorizationError
from engine.domain.finding import Finding, blocked, passed
from engine.domain.operator import Operator
from engine.domain.request import (
    AcknowledgeRequest,
    LockRequest,
    PromotionRequest,
    ReleaseRequest,
    Request,
    RestoreRequest,
    RollbackRequest,
    RotateRequest,
    UnlockRequest,
    UnwaiveRequest,
    WaiveRequest,
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
    AcknowledgeRequest: "acknowledge a void of",
    RotateRequest: "rotate the keys of",
    UnlockRequest: "unlock",
    WaiveRequest: "waive a vulnerability in",
    UnwaiveRequest: "end a waiver in",
    ReleaseRequest: "release a version in",
}


@reads()
def authorization(request: Request, context: Context) -> Finding:
    """
    Judge by the authorization of the target.

    Without one, every operator is authorized at the command line, and through a server every
    operator in a rule of the manifest.
    """
    verb = _VERBS[type(request)]
    return judge_right(request.operator, context.target, context.rights, verb)


def judge_right(operator: Operator, target: Environment, rights: Rights, verb: str) -> Finding:
    """Judge whether `operator` may `verb` (such as "promote to") the environment `target`."""
    via = granted_via(operator, target, rights)
    return passed(_NAME, via) if via else _refuse(operator, target, verb)


@reads()
def may_lock(request: LockRequest, context: Context) -> Finding:
    """Authorize operators who may promote, and `identity.lockers`."""
    via = granted_via(request.operator, context.target, context.rights)
    if not via and context.rights.may_lock(request.operator):
        admin = context.rights.admins.admits(request.operator)
        via = "role admin" if admin else "identity.lockers"
    return passed(_NAME, via) if via else _block(request, context)


@reads()
def may_rotate(request: RotateRequest, context: Context) -> Finding:
    """
    Authorize operators who may promote; through a server, and where `identity.operators` lists
    people, only if they are among these: a rotation decides for all who may write from now on.
    """
    operator, rights = request.operator, context.rights
    via = granted_via(operator, context.target, rights)
    if not via:
        return _block(request, context)
    if not (rights.served or rights.lists_operators):
        return passed(_NAME, via)
    if rights.may_operate(operator):
        admin = rights.admins.admits(operator)
        return passed(_NAME, "role admin" if admin else "identity.operators")
    return blocked(
        _NAME,
        f"Unauthorized: Operator '{operator.name}' is not authorized to rotate the keys of "
        f"'{request.target}'. Rotations need an entry in identity.operators of manifest.yaml.",
        AuthorizationError,
        {"operator": operator.name, "verified": operator.verified},
    )


@reads(Context.target_head)
def may_unlock(request: UnlockRequest, context: Context) -> Finding:
    """Authorize the operator who locked, and operators who may promote."""
    operator, held = request.operator, context.lock
    via = granted_via(operator, context.target, context.rights)
    if held is None:
        allowed = via or context.rights.may_lock(operator)
        return passed(_NAME, "it is not locked") if allowed else _block(request, context)
    holder = context.directory.names_in(held)
    mine = not holder.isdisjoint(operator.identities)
    if not operator.verified and not (via and _unverified_holder(held)):
        return _block(request, context)
    return passed(_NAME, "who locked" if mine else via) if mine or via else _block(request, context)


def granted_via(operator: Operator, target: Environment, rights: Rights) -> str:
    """Find the right of `operator` to change `target`, such as a group; empty without one."""
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


def why_unverified(operator: Operator) -> str:
    """Explain why `operator` is not verified, with a hint."""
    return (
        operator.doubt
        or "no identity source confirms it. Sign in with floe login, or set FLOE_ID_TOKEN in CI"
    )


def _granted_without_rules(operator: Operator, target: Environment, rights: Rights) -> str:
    if rights.served and not rights.may_act(operator):
        return ""
    if not target.approvals.required:
        return f"{target} requires no authorization"
    return "any verified operator" if operator.verified else ""


def _unverified_holder(held: LockState) -> bool:
    """Whether the holder of the lock was not verified, so that their id is their only name."""
    return held.operator == held.operator_id and held.operator.startswith(("os:", "registry:"))


def _block(request: Request, context: Context) -> Finding:
    return _refuse(request.operator, context.target, _VERBS[type(request)])


def _refuse(operator: Operator, target: Environment, verb: str) -> Finding:
    rules = target.authorization or Authorization()
    needed, named = sorted(rules.allowed_groups or ()), sorted(rules.allowed_operators or ())
    return blocked(
        _NAME,
        f"Unauthorized: Operator '{operator.name}' is not authorized to "
        f"{verb} '{target}'. {_why(operator, target)}",
        AuthorizationError,
        {
            "operator": operator.name,
            "required_groups": needed,
            "allowed_operators": named,
            "groups": sorted(operator.groups),
            "verified": operator.verified,
        },
    )


def _admitting_line(operator: Operator, groups: list[str], named: list[str], target: str) -> str:
    """Name the ways to admit `operator` in manifest.yaml; JSON quotes are valid in YAML."""
    quoted = json.dumps(operator.name, ensure_ascii=False)
    names = json.dumps([*named, operator.name], ensure_ascii=False)
    ways = [f"add {quoted} to identity.groups.{groups[0]}"] if groups else []
    whose = "a member" if groups else named[0] if named else ""
    ways += [f"add {quoted} to identity.aliases, if it is another name of {whose}"] if whose else []
    ways.append(f"write allowed_operators: {names} under authorization of '{target}'")
    return f"To admit this operator in manifest.yaml, {printable('; or '.join(ways))}."


def _why(operator: Operator, target: Environment) -> str:
    rules = target.authorization
    sentences: list[str] = []
    needed = sorted((rules and rules.allowed_groups) or ())
    named = sorted((rules and rules.allowed_operators) or ())
    if rules and (rules.allowed_groups is not None or rules.allowed_operators is not None):
        sentences.append(f"Required groups: [{', '.join(needed)}].")
        sentences.append(f"Your groups: [{', '.join(sorted(operator.groups))}].")
        sentences += [f"Allowed operators: [{', '.join(named)}]."] if named else []
    if not operator.verified:
        sentences.append(
            f"The identity '{operator.id}' is not verified: {why_unverified(operator)}."
        )
    elif sentences:
        sentences.append(_admitting_line(operator, needed, named, target.name))
    else:
        sentences.append(
            f"'{target}' has no authorization, and no rule of manifest.yaml names you. "
            "Ask to be added to a group under identity.groups."
        )
    return " ".join(sentences)
