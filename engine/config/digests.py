"""Digests of the rules, by which a record names the configuration under which it was made."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from engine.config.ledger import Ledger
from engine.config.people import Identity
from engine.config.plugins import Policy
from engine.config.registries import Verification
from engine.config.roles import roles_of
from engine.config.windows import window_rules
from engine.domain.artifact import Digest
from engine.domain.canonical import canonical_json
from engine.domain.environment import Approvals, Environment
from engine.domain.gate import Gate
from engine.domain.names import canonical_name
from engine.domain.path import PromotionPath
from engine.domain.policy_document import PolicyDocument
from engine.domain.product import UNNAMED
from engine.domain.roles import RoleKind

Facts = dict[str, Any]


def policy_document(
    path: PromotionPath,
    policies: tuple[Policy, ...],
    verification: Verification | None,
    identity: Identity,
    ledger: Ledger,
    product: str = UNNAMED,
) -> PolicyDocument:
    """
    Collect all rules of `product`: the path, gates, signatures, policies and identity.

    Defaults are included, so a default that is written down changes nothing. Addresses of
    registries and webhooks are not rules. The document is public: it has no secret.
    """
    identities = {
        "groups": _sets(identity.groups),
        "aliases": _sets(identity.aliases),
        "oidc": [issuer.model_dump(mode="json", exclude_none=True) for issuer in identity.oidc],
        "registry_users": identity.registry_users.model_dump(mode="json"),
        "trust_os_user": identity.trust_os_user,
        # Omitted without lockers, so that older configurations keep their digest.
        **({"lockers": sorted(set(identity.lockers))} if identity.lockers else {}),
        **({"roles": _roles(identity, product)} if identity.roles else {}),
    }
    facts = {
        "environments": [_environment(each) | _lock(each) for each in path.environments],
        "policies": _policies(policies),
        "verification": _verification(verification),
        "identity": identities,
        # Omitted without rules, so that older configurations keep their digest.
        **({"windows": windows} if (windows := _windows(path)) else {}),
        **({"ledger": rules} if (rules := _ledger(ledger)) else {}),
        **_break_glass(path),
    }
    return PolicyDocument(_canonical(facts))


def environment_digest(
    environment: Environment, policies: tuple[Policy, ...], verification: Verification | None
) -> str:
    """
    Hash the rules of one target, to which approvals are bound.

    Locks, members and delegates are left out: approvals are judged again by the present ones.
    """
    approvals = replace(environment.approvals, delegates=())
    facts = {
        "environment": _environment(replace(environment, approvals=approvals)),
        "policies": _policies(policies),
        "verification": _verification(verification),
    }
    return str(Digest.of(_canonical(facts)))


def _canonical(facts: Facts) -> bytes:
    return canonical_json({"version": 1, **facts})


def _environment(environment: Environment) -> Facts:
    authorization, approvals = environment.authorization, environment.approvals
    return {
        "name": environment.name,
        "gates": [_gate(gate) for gate in environment.gates],
        "signature": environment.signature,
        "authorization": authorization
        and {
            "groups": _sort_names(authorization.allowed_groups),
            "operators": _sort_names(authorization.allowed_operators),
            "separation_of_duties": authorization.separation_of_duties,
        },
        "approvals": {
            "required": approvals.required,
            "groups": _sort_names(approvals.groups),
            "expires_after_seconds": approvals.expires_after_seconds,
            "rollback": approvals.rollback,
            **({"operators": _normalize(approvals.operators)} if approvals.operators else {}),
            **_approval_rules(approvals),
        },
        # Omitted for the one before it, so that older configurations keep their digest.
        **({"after": environment.after} if environment.after else {}),
        **({"from": "any"} if environment.any_source else {}),
    }


def _approval_rules(approvals: Approvals) -> Facts:
    """The rules, omitted where unused, so that older configurations keep their digest."""
    facts: Facts = {}
    if approvals.rules:
        facts["rules"] = [
            {"name": each.name, "groups": _normalize(each.groups), "count": each.count}
            for each in approvals.rules
        ]
    if approvals.escalation:
        later = approvals.escalation
        facts["escalate"] = {
            "after_seconds": later.after_seconds,
            "groups": _normalize(later.groups),
        }
    if approvals.delegates:
        facts["delegates"] = {
            canonical_name(each.name): {
                "to": canonical_name(each.to),
                "until": each.until.isoformat(),
            }
            for each in approvals.delegates
        }
    return facts


def _break_glass(path: PromotionPath) -> Facts:
    """The rules of all environments, omitted where unused."""
    rules = next((each.break_glass for each in path.environments if each.break_glass), None)
    if rules is None:
        return {}
    review = {"seconds": rules.review_seconds, "groups": _sort_names(rules.review_groups)}
    return {"break_glass": {"groups": _normalize(rules.groups), "review": review}}


def _roles(identity: Identity, product: str) -> Facts:
    roles = roles_of(identity.roles)
    given = {kind: roles.members(product, kind) for kind in RoleKind if roles.are_given(kind)}
    return {
        kind.value: {
            "groups": _normalize(members.groups),
            "operators": _normalize(members.operators),
        }
        for kind, members in given.items()
    }


def _lock(environment: Environment) -> Facts:
    lock = environment.fixed_lock
    at = lock.locked_at.isoformat() if lock and lock.locked_at else None
    return {"lock": lock and {"reason": lock.reason, "locked_by": lock.locked_by, "at": at}}


def _gate(gate: Gate) -> Facts:
    rules = gate.security
    return {
        "kind": gate.kind,
        "argv": gate.argv,
        "timeout_seconds": gate.timeout_seconds,
        "env": sorted(gate.env),
        "security": rules
        and {
            "scanner_format": rules.scanner_format,
            "block_on_severity": sorted(rules.block_on_severity),
            "ignore_unfixed": rules.ignore_unfixed,
            "block_on_secrets": rules.block_on_secrets,
            "block_on_eol": rules.block_on_eol,
        },
        # Omitted for commands, so that older configurations keep their digest.
        **({"plugin": [gate.plugin.package, gate.plugin.options]} if gate.plugin else {}),
    }


def _policies(policies: tuple[Policy, ...]) -> list[Facts]:
    return [policy.model_dump(mode="json", exclude_none=True) for policy in policies]


def _verification(verification: Verification | None) -> Facts | None:
    """The keys and issuers; the enforcement is part of each environment."""
    if verification is None:
        return None
    root = verification.trusted_root
    return {
        "public_keys": sorted(str(key.digest) for key in verification.public_keys),
        "trusted_issuers": sorted(
            [issuer.issuer, issuer.subject_regex] for issuer in verification.trusted_issuers
        ),
        "trusted_root": root and str(root.digest),
    }


def _windows(path: PromotionPath) -> list[Facts]:
    """The windows of all environments; their texts and the content of calendars are not rules."""
    return [window_rules(each) for each in sorted(path.windows, key=lambda each: each.name)]


def _ledger(ledger: Ledger) -> Facts:
    rules: Facts = {}
    if ledger.trusted_keys:
        rules["trusted_keys"] = sorted(str(key.digest) for key in ledger.trusted_keys)
    if ledger.distrusted_keys:
        rules["distrusted_keys"] = sorted(str(key.digest) for key in ledger.distrusted_keys)
    if ledger.adopted:
        rules["adopted"] = sorted(map(str, ledger.adopted))
    if ledger.timestamp:
        rules["timestamp_certificates"] = str(ledger.timestamp.certificates.digest)
        rules["timestamp_required"] = ledger.timestamp.required
    if ledger.require_witness:
        rules["witness_max_age"] = ledger.require_witness.max_age
        rules["witnesses"] = sorted(each.key for each in ledger.witnesses)
    return rules


def _sets(groups: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {canonical_name(name): _normalize(members) for name, members in groups.items()}


def _sort_names(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else _normalize(names)


def _normalize(names: Iterable[str]) -> list[str]:
    """Normalize names: their spelling is not a rule."""
    return sorted({canonical_name(name) for name in names})
