"""Compare the rules of two configurations, and say which became looser or stricter."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from engine.domain.approval_changes import BREAK_GLASS, DELEGATES, ESCALATION, compare_rules
from engine.domain.path_changes import list_changes, order_changes
from engine.domain.policy_document import PolicyDocument
from engine.domain.rule_changes import (
    LOOSER,
    OTHER,
    STRICTER,
    ChangeKind,
    Judge,
    RuleChange,
    changed,
    entries,
    mapping,
    members,
    name_entries,
    number,
    optional,
    other,
    place,
    ranked,
    section,
    subtract,
)
from engine.domain.window_changes import window_changes

_WHO = ("required", "groups", "operators", "rules")
_EVERYONE = "every verified operator"


def compare_policies(before: PolicyDocument, after: PolicyDocument) -> tuple[RuleChange, ...]:
    """
    Compare all rules: those of environments in the order of the path, then the others.

    Documents with different digests have at least one change: a difference that no rule explains
    is OTHER.
    """
    if before.digest == after.digest:
        return ()
    one, two = before.rules, after.rules
    environments = [name_entries(each["environments"], "name") for each in (one, two)]
    found = (
        *list_changes([*environments[0]], [*environments[1]], (before.path, after.path)),
        *_environment_changes(*environments),
        *order_changes(before.path, after.path),
        *_PRODUCT("", _without(one, "environments"), _without(two, "environments")),
    )
    return found or (
        RuleChange(OTHER, None, "", "The rules are the same, and their document is another"),
    )


def _environment_changes(
    before: Mapping[str, dict[str, Any]], after: Mapping[str, dict[str, Any]]
) -> Iterator[RuleChange]:
    for name in after:
        if name in before:
            for change in _environment(before[name], after[name]):
                yield change.inside(name)


def _environment(before: dict[str, Any], after: dict[str, Any]) -> Iterator[RuleChange]:
    rules = {**_ENVIRONMENT, "approvals": ("approvals", _approvals(before, after))}
    yield from section(rules)("", *(_without(each, "after", "from") for each in (before, after)))


def _authorization(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
    """
    Judge who may change an environment.

    Without the section a command admits everyone, and a server the people in any rule. That is
    neither more nor less than a section without lists, which admits all verified operators.
    """
    one, two = _admitted(before), _admitted(after)
    if isinstance(one, list) and isinstance(two, list):
        yield from section(_AUTHORIZATION)(rule, before, after)
        return
    if one is two is None:
        yield from other(rule, before, after)
        return
    if one != two:
        yield changed(_kind(one, two), rule, one, two)
    absent = {"separation_of_duties": False}
    rest = (_without(each or absent, "groups", "operators") for each in (before, after))
    yield from section(_AUTHORIZATION)(rule, *rest)


def _approvals(before: dict[str, Any], after: dict[str, Any]) -> Judge:
    """Judge `approvals`; without groups of approvers, the operators of `authorization` approve."""

    def judge(rule: str, one: Any, two: Any) -> Iterator[RuleChange]:
        if one.get("rules") or two.get("rules"):
            admitted = (
                _admitted(each["authorization"] if own["groups"] is None else own)
                for each, own in ((before, one), (after, two))
            )
            known = [frozenset(each) if isinstance(each, list) else None for each in admitted]
            yield from compare_rules(rule, one, two, (known[0], known[1]))
            one, two = (_without(each, *_WHO) for each in (one, two))
        elif (one["groups"] is None) is not (two["groups"] is None):
            effective = (
                _admitted(each["authorization"] if own["groups"] is None else own)
                for each, own in ((before, one), (after, two))
            )
            shown = [
                each["groups"] and [*each["groups"], *each.get("operators", ())]
                for each in (one, two)
            ]
            yield changed(_kind(*effective), place(rule, "groups"), shown[0], shown[1])
            one, two = (_without(each, "groups", "operators") for each in (one, two))
        yield from section(_APPROVALS)(rule, one, two)

    return judge


def _admitted(authorization: Any) -> list[str] | str | None:
    """List the admitted groups and operators; text without lists, and None without a section."""
    if not authorization:
        return None
    groups, operators = authorization.get("groups"), authorization.get("operators")
    if groups is None and operators is None:
        return _EVERYONE
    return [*(f"group {each}" for each in groups or ()), *(str(each) for each in operators or ())]


def _kind(before: list[str] | str | None, after: list[str] | str | None) -> ChangeKind:
    """The direction between two results of `_admitted`."""
    if not isinstance(before, list):
        return STRICTER if isinstance(after, list) else OTHER
    if not isinstance(after, list):
        return LOOSER
    gained, lost = subtract(after, before), subtract(before, after)
    if bool(gained) is bool(lost):
        return OTHER
    return LOOSER if gained else STRICTER


def _issuers(rule: str, before: Any, after: Any) -> Iterator[RuleChange]:
    """Judge pairs of an issuer and the pattern of its subjects; a new pattern has no direction."""
    found = []
    one, two = (each or [] for each in (before, after))
    if _are_pairs(one) and _are_pairs(two):
        lost, gained = subtract(one, two), subtract(two, one)
        for issuer in dict.fromkeys(each[0] for each in (*lost, *gained)):
            patterns = ([p for i, p in each if i == issuer] for each in (lost, gained))
            for old, new in zip_longest(*patterns):
                kind = OTHER if old and new else LOOSER if new else STRICTER
                found.append(changed(kind, place(rule, issuer), old, new))
    yield from found or other(rule, before, after)


def _are_pairs(listed: Any) -> bool:
    return isinstance(listed, list) and all(
        isinstance(each, list) and len(each) == 2 and all(isinstance(text, str) for text in each)
        for each in listed
    )


def _without(rules: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in rules.items() if key not in keys}


_SCAN = {
    "block_on_severity": ("block_on_severity", members(STRICTER)),
    "ignore_unfixed": ("ignore_unfixed", number(LOOSER)),
    "block_on_secrets": ("block_on_secrets", number(STRICTER)),
    "block_on_eol": ("block_on_eol", number(STRICTER)),
}
_GATE = {"argv": ("command", other), "plugin": ("plugin", other), "security": ("", section(_SCAN))}
_AUTHORIZATION = {
    "groups": ("allowed_groups", members(LOOSER)),
    "operators": ("allowed_operators", members(LOOSER)),
    "separation_of_duties": ("separation_of_duties", number(STRICTER)),
}
_APPROVALS = {
    "groups": ("groups", members(LOOSER)),
    # Filled in by identity.roles.
    "operators": ("operators", members(LOOSER)),
    "required": ("required", number(STRICTER)),
    "expires_after_seconds": ("expires_after", number(LOOSER, "in seconds")),
    "rollback": ("rollback", number(STRICTER)),
    "escalate": ("escalate", ESCALATION),
    "delegates": ("delegates", DELEGATES),
}
_ENVIRONMENT = {
    "gates": ("gates", entries("kind", section(_GATE), STRICTER)),
    "signature": ("artifacts.registry.verification.enforcement", ranked("off", "warn", "enforce")),
    "authorization": ("authorization", _authorization),
    "lock": ("lock", optional(STRICTER, section({}))),
}
_VERIFICATION = {
    "public_keys": ("public_keys", members(LOOSER)),
    "trusted_issuers": ("trusted_issuers", _issuers),
}
_RESTRICTION = optional(STRICTER, members(LOOSER))
_OIDC = {
    "subjects": ("subjects", _RESTRICTION),
    "claims": ("claims", mapping(_RESTRICTION)),
    "allowed_domains": ("allowed_domains", _RESTRICTION),
}
_MEMBERS = {
    "groups": ("groups", members(LOOSER)),
    "operators": ("operators", members(LOOSER)),
}
# The first entry of a role also takes its rights from everybody else.
_ROLES = {
    kind: (kind, optional(OTHER, section(_MEMBERS))) for kind in ("operator", "approver", "admin")
}
_IDENTITY = {
    "groups": ("groups", mapping(members(LOOSER))),
    # One person under two names can approve their own change, so fewer names can be looser too.
    "aliases": ("aliases", mapping(other)),
    "oidc": ("oidc", entries("issuer", section(_OIDC), LOOSER)),
    "registry_users": ("registry_users", section({"verified": ("verified", number(LOOSER))})),
    "trust_os_user": ("trust_os_user", number(LOOSER)),
    "lockers": ("lockers", members(LOOSER)),
    "roles": ("roles", section({"viewer": ("viewer", section(_MEMBERS))} | _ROLES)),
}
_LEDGER = {
    # The first key makes signatures necessary, or adds to the key that signs.
    "trusted_keys": ("trusted_keys", optional(OTHER, members(LOOSER))),
    "distrusted_keys": ("distrusted_keys", members(STRICTER)),
    "adopted": ("adopted", members(LOOSER)),
    "timestamp_certificates": ("timestamp.certificates", other),
    "timestamp_required": ("timestamp.required", number(STRICTER)),
    "witness_max_age": (
        "require_witness.max_age",
        optional(STRICTER, number(LOOSER, "in seconds")),
    ),
    # One of the witnesses is enough.
    "witnesses": ("witnesses", optional(OTHER, members(LOOSER))),
}
_POLICY = {"severity": ("severity", ranked("warning", "error"))}
_PRODUCT = section(
    {
        "windows": ("artifacts.promotion.windows", window_changes),
        "policies": ("artifacts.promotion.policies", entries("name", section(_POLICY), STRICTER)),
        "verification": (
            "artifacts.registry.verification",
            optional(OTHER, section(_VERIFICATION)),
        ),
        "identity": ("identity", section(_IDENTITY)),
        "ledger": ("ledger", section(_LEDGER)),
        "break_glass": ("artifacts.promotion.break_glass", BREAK_GLASS),
    }
)
