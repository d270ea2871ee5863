"""Any two documents with different rules have changes, and the way back is the opposite."""

import json
from collections import Counter
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.domain.canonical import canonical_json
from engine.domain.policy_changes import compare_policies
from engine.domain.policy_document import PolicyDocument
from engine.domain.rule_changes import ChangeKind

KEY, OLDER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def environment(name: str, **rules: object) -> dict[str, object]:
    return {
        "name": name,
        "gates": [],
        "signature": "warn",
        "authorization": None,
        "approvals": {
            "required": 1,
            "groups": None,
            "expires_after_seconds": 3600,
            "rollback": False,
        },
        "lock": None,
        **rules,
    }


RULES: dict[str, Any] = {
    "version": 1,
    "environments": [
        environment("dev", signature="off"),
        environment(
            "staging",
            authorization={"groups": ["sre"], "operators": None, "separation_of_duties": True},
        ),
        environment(
            "prod",
            gates=[
                {"kind": "tests", "argv": ["pytest"], "timeout_seconds": 300, "env": []},
                {
                    "kind": "security_scan",
                    "argv": ["trivy"],
                    "security": {
                        "scanner_format": "trivy",
                        "block_on_severity": ["CRITICAL", "HIGH"],
                        "ignore_unfixed": False,
                        "block_on_secrets": True,
                    },
                },
            ],
            authorization={"groups": None, "operators": None, "separation_of_duties": False},
            lock={"reason": "freeze", "locked_by": "alice", "at": None},
        ),
    ],
    "policies": [
        {"name": "a", "rule": "true", "message": "", "severity": "error"},
        {"name": "b", "rule": "false", "message": "", "severity": "warning"},
    ],
    "verification": {
        "public_keys": [OLDER],
        "trusted_issuers": [["https://a.example", "^a$"], ["https://b.example", "^b$"]],
        "trusted_root": None,
    },
    "identity": {
        "groups": {"sre": ["alice", "bob"]},
        "aliases": {"alice": ["u1"]},
        "oidc": [
            {"issuer": "https://t.example", "subjects": ["a", "b"], "audience": "floe"},
            {"issuer": "https://t.example", "claims": {"owner": ["acme"]}, "audience": "x"},
        ],
        "registry_users": {"verified": False},
        "trust_os_user": False,
        "lockers": ["sre"],
    },
    "ledger": {
        "trusted_keys": [OLDER],
        "distrusted_keys": [OLDER],
        "adopted": ["prod#1=" + OLDER],
        "timestamp_certificates": OLDER,
        "timestamp_required": False,
        "witness_max_age": 3600,
        "witnesses": ["w1"],
    },
}


def document(rules: object) -> PolicyDocument:
    return PolicyDocument(canonical_json(rules))


def ledger_changes(**rules: object) -> list[str]:
    """Compare RULES with other ledger rules; None leaves one out."""
    ledger = {
        key: value for key, value in {**RULES["ledger"], **rules}.items() if value is not None
    }
    found = compare_policies(document(RULES), document({**RULES, "ledger": ledger}))
    return [f"{each.kind} {each.rule}" for each in found]


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ("trusted_keys", [KEY, OLDER], "looser ledger.trusted_keys"),
        ("trusted_keys", None, "other ledger.trusted_keys"),
        ("distrusted_keys", None, "looser ledger.distrusted_keys"),
        ("adopted", None, "stricter ledger.adopted"),
        ("timestamp_certificates", KEY, "other ledger.timestamp.certificates"),
        ("timestamp_required", True, "stricter ledger.timestamp.required"),
        ("witness_max_age", 60, "stricter ledger.require_witness.max_age"),
        ("witness_max_age", None, "looser ledger.require_witness.max_age"),
        ("witnesses", ["w1", "w2"], "looser ledger.witnesses"),
        ("news", "unknown", "other ledger.news"),
    ],
)
def test_ledger_rules_have_directions(rule: str, value: object, expected: str) -> None:
    assert ledger_changes(**{rule: value}) == [expected]


def test_first_ledger_rules_are_compared_with_none() -> None:
    without = {key: value for key, value in RULES.items() if key != "ledger"}

    found = compare_policies(document(without), document(RULES))

    assert {each.rule: str(each.kind) for each in found} == {
        "ledger.trusted_keys": "other",
        "ledger.distrusted_keys": "stricter",
        "ledger.adopted": "looser",
        "ledger.timestamp.certificates": "other",
        "ledger.timestamp.required": "other",
        "ledger.require_witness.max_age": "stricter",
        "ledger.witnesses": "other",
    }


@pytest.mark.parametrize(
    ("authorization", "groups", "expected"),
    [
        ({"groups": ["sre"], "operators": None}, ["sre"], "other"),
        ({"groups": ["sre", "ops"], "operators": None}, ["sre"], "stricter"),
        ({"groups": ["sre"], "operators": ["alice"]}, ["sre"], "stricter"),
        ({"groups": ["sre"], "operators": None}, ["ops", "sre"], "looser"),
        ({"groups": ["sre"], "operators": None}, ["ops"], "other"),
        ({"groups": None, "operators": None}, ["ops"], "stricter"),
        (None, ["ops"], "stricter"),
    ],
)
def test_approver_groups_are_compared_with_the_operators_who_approved_before(
    authorization: dict[str, object] | None, groups: list[str], expected: str
) -> None:
    rules = authorization and {**authorization, "separation_of_duties": False}
    before = environment("prod", authorization=rules)
    approvals = {**RULES["environments"][0]["approvals"], "groups": groups}
    after = {**before, "approvals": approvals}

    found = compare_policies(*(document({**RULES, "environments": [e]}) for e in (before, after)))

    assert [(each.kind, each.rule) for each in found] == [(expected, "approvals.groups")]


def test_written_lock_is_stricter_and_another_one_has_no_direction() -> None:
    lock = {"reason": "freeze", "locked_by": "alice", "at": None}
    rules = [environment("prod", lock=each) for each in (None, lock, {**lock, "reason": "party"})]
    none, frozen, party = (document({**RULES, "environments": [each]}) for each in rules)

    assert [str(each.kind) for each in compare_policies(none, frozen)] == ["stricter"]
    assert [(each.kind, each.rule) for each in compare_policies(frozen, party)] == [
        ("other", "lock.reason")
    ]


def test_verification_that_ends_is_looser_in_every_environment() -> None:
    off = [{**each, "signature": "off"} for each in RULES["environments"]]

    found = compare_policies(
        document(RULES), document({**RULES, "environments": off, "verification": None})
    )

    assert [(str(each.kind), each.environment) for each in found] == [
        ("looser", "staging"),
        ("looser", "prod"),
        ("other", None),
    ]


def test_entries_of_one_issuer_in_another_order_are_neither_looser_nor_stricter() -> None:
    rules = deepcopy(RULES)
    rules["identity"]["oidc"].reverse()

    (found,) = compare_policies(document(RULES), document(rules))

    assert (found.kind, found.rule) == ("other", "identity.oidc")


def test_another_form_of_the_same_rules_is_a_change() -> None:
    spaced = PolicyDocument(json.dumps(RULES, indent=1).encode())

    (found,) = compare_policies(document(RULES), spaced)

    assert (found.kind, found.environment) == ("other", None)


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the way to each value of a document."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [above, *(found for key, each in inner for found in places(each, (*above, key)))]


PLACES = places(RULES)[1:]
VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2, "sre", "tests", "off", "enforce", OLDER, KEY, ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "kind", "issuer", "groups", "x"]), inner)
    ),
    max_leaves=6,
)


ANY_TIME = settings(deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def documents(draw: st.DrawFn) -> PolicyDocument:
    """RULES with up to three values replaced, removed, repeated or in another order."""
    rules = deepcopy(RULES)
    for place in draw(st.lists(st.sampled_from(PLACES), max_size=3)):
        alter(rules, place, draw)
    try:
        return document(rules)
    except ValueError:
        assume(False)
        raise


def alter(rules: Any, place: tuple[Any, ...], draw: st.DrawFn) -> None:
    *above, last = place
    try:
        for key in above:
            rules = rules[key]
        value = rules[last]
        match draw(st.sampled_from(["replace", "remove", "repeat", "reverse"])):
            case "remove":
                del rules[last]
            case "repeat" if isinstance(rules, list):
                rules.append(deepcopy(value))
            case "reverse" if isinstance(value, list):
                rules[last] = value[::-1]
            case _:
                rules[last] = draw(VALUES)
    except (KeyError, IndexError, TypeError):
        assume(False)


@ANY_TIME
@given(documents(), documents())
def test_other_digests_have_changes_and_equal_ones_have_none(
    one: PolicyDocument, two: PolicyDocument
) -> None:
    assert compare_policies(one, one) == ()
    found = compare_policies(one, two)
    assert bool(found) is (one.digest != two.digest)
    assert all(each.rule for each in found)


@ANY_TIME
@given(documents(), documents())
def test_way_back_swaps_looser_and_stricter(one: PolicyDocument, two: PolicyDocument) -> None:
    there, back = compare_policies(one, two), compare_policies(two, one)

    def rules(changes: tuple[Any, ...], opposite: bool) -> Counter[tuple[object, ...]]:
        kinds = (each.kind.opposite if opposite else each.kind for each in changes)
        return Counter(
            (kind, each.environment, each.rule) for kind, each in zip(kinds, changes, strict=True)
        )

    assert rules(there, False) == rules(back, True)


@ANY_TIME
@given(documents(), documents())
def test_sentences_are_one_bounded_line(one: PolicyDocument, two: PolicyDocument) -> None:
    for each in compare_policies(one, two):
        assert each.text.isprintable()
        assert len(each.text) < 4000
        assert each.kind in ChangeKind
