"""Digests of the rules, by which a record names the configuration under which it was made."""

from collections.abc import Iterable
from typing import Any

from engine.config.ledger import Ledger
from engine.config.people import Identity
from engine.config.promotion import Policy
from engine.config.registries import Verification
from engine.domain.artifact import Digest
from engine.domain.canonical import canonical_json
from engine.domain.environment import Environment
from engine.domain.gate import Gate
from engine.domain.names import canonical_name
from engine.domain.path import PromotionPath
from engine.domain.policy_document import PolicyDocument

Facts = dict[str, Any]


def policy_document(
    path: PromotionPath,
    policies: tuple[Policy, ...],
    verification: Verification | None,
    identity: Identity,
    ledger: Ledger,
) -> PolicyDocument:
    """
    Collect all rules: the path, gates, signatures, policies and identity.

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
    }
    facts = {
        "environments": [_environment(each) | _lock(each) for each in path.environments],
        "policies": _policies(policies),
        "verification": _verification(verification),
        "identity": identities,
        # Omitted without rules, so that older configurations keep their digest.
        **({"ledger": rules} if (rules := _ledger(ledger)) else {}),
    }
    return PolicyDocument(_canonical(facts))


def environment_digest(
    environment: Environment, policies: tuple[Policy, ...], verification: Verification | None
) -> str:
    """Hash the rules of one target, to which approvals are bound; without locks and members."""
    facts = {
        "environment": _environment(environment),
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
        },
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
    }


def _policies(policies: tuple[Policy, ...]) -> list[Facts]:
    return [policy.model_dump(mode="json") for policy in policies]


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
