"""Rules of approvals in a manifest: contradictions, and their comparison with other rules."""

import json
from pathlib import Path

import pytest

from engine.domain.errors import ConfigError
from engine.domain.policy_changes import compare_policies
from tests.config.manifest_files import load, manifest

PLAIN = "required: 2, groups: [managers]"
TWO = "rules: [{groups: [managers]}, {name: ops, groups: [sre, managers]}]"
DELEGATE = "delegates: {bob: {to: dave, until: 2026-12-24T09:00:00Z}}"


def config(folder: Path, approvals: str):
    promotion = f"""
environments:
  - {{name: dev}}
  - {{name: prod, authorization: {{allowed_groups: [developers]}}, approvals: {{{approvals}}}}}
"""
    rest = "identity: {aliases: {bob: [U02BOB], dave: [], erin: []}}"
    return load(folder, manifest(promotion=promotion, rest=rest))


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (
            PLAIN,
            "rules: [{groups: [managers], count: 3}]",
            ["stricter rules goes from [2 of managers] to [3 of managers]"],
        ),
        (
            PLAIN,
            TWO,
            [
                "looser rules goes from [2 of managers] to "
                "[1 of managers, ops: 1 of managers or sre]"
            ],
        ),
        (
            TWO,
            "rules: [{name: ops, groups: [sre, managers]}]",
            [
                "looser rules goes from [1 of managers, ops: 1 of managers or sre] to "
                "[ops: 1 of managers or sre]"
            ],
        ),
        (
            PLAIN,
            "rules: [{groups: [sre]}]",
            ["other rules goes from [2 of managers] to [1 of sre]"],
        ),
        (
            "required: 1",
            "rules: [{groups: [developers]}]",
            ["other rules goes from [1 of authorized operators] to [1 of developers]"],
        ),
        (
            PLAIN,
            f"{PLAIN}, escalate: {{after: 2h, to: [sre]}}",
            ['looser escalate goes from not set to {"after_seconds": 7200, "groups": ["sre"]}'],
        ),
        (
            f"{PLAIN}, escalate: {{after: 2h, to: [sre]}}",
            f"{PLAIN}, escalate: {{after: 1h, to: [sre]}}",
            ["looser escalate.after goes from 7200 to 3600 (in seconds)"],
        ),
        (
            f"{PLAIN}, {DELEGATE}",
            f"{PLAIN}, {DELEGATE.replace('2026', '2027')}",
            [
                "looser delegates.bob.until goes from 2026-12-24T09:00:00+00:00 to "
                "2027-12-24T09:00:00+00:00"
            ],
        ),
    ],
)
def test_rules_are_compared(tmp_path: Path, before: str, after: str, changes: list[str]) -> None:
    found = compare_policies(config(tmp_path, before).policy, config(tmp_path, after).policy)

    prefix = "prod: approvals."
    assert [f"{each.kind} {each.text.replace(prefix, '')}" for each in found] == changes


@pytest.mark.parametrize(
    ("approvals", "problem"),
    [
        (f"{TWO}, required: 1", "approvals.required: has no effect beside rules: remove it"),
        (f"{TWO}, groups: [sre]", "approvals.groups: has no effect beside rules: remove it"),
        ("rules: []", "approvals.rules: is empty: name at least one"),
        ("rules: [{groups: []}]", "approvals.rules[0].groups: is empty: name at least one"),
        ("rules: [{groups: [a]}, {groups: [a]}]", "is named a like another rule"),
        ("rules: [{groups: [a], count: 50}, {groups: [b]}]", "needs more than 50 approvals"),
        ("escalate: {after: 2h, to: [a]}", "has no effect while required is 0"),
        (DELEGATE, "has no effect while required is 0"),
        (f"{TWO}, escalate: {{after: 2d, to: [a]}}", "has no effect: the change expires before"),
        (f"{TWO}, {DELEGATE.replace('dave', 'BOB')}", "delegates.bob.to: is bob too"),
        (f"{TWO}, {DELEGATE.replace('Z', '')}", "delegates.bob.until: "),
        (f"{TWO}, {DELEGATE.replace('dave', 'U03DAVE')}", "bob.to: U03DAVE may be one of several"),
        (
            f"{TWO}, {DELEGATE.replace('bob', 'U01CAROL')}",
            "delegates.U01CAROL: U01CAROL may be one of several names of a person: write an e-mail",
        ),
        (
            f"{TWO}, {DELEGATE[:-1]}, BOB: {{to: erin, until: 2026-12-24T09:00:00Z}}}}",
            "delegates.BOB: BOB and bob are one name",
        ),
    ],
)
def test_contradiction_is_an_error(tmp_path: Path, approvals: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config(tmp_path, approvals)

    assert problem in str(refused.value)


def test_policy_document_keeps_all_rules(tmp_path: Path) -> None:
    loaded = config(tmp_path, f"{TWO}, escalate: {{after: 2h, to: [a]}}, {DELEGATE}")

    own, again = (path.environment("prod").approvals for path in (loaded.path, loaded.policy.path))
    assert again == own
    assert (own.required, set(own.groups or ())) == (2, {"managers", "sre"})


def test_waiting_changes_stay_valid_when_delegates_change(tmp_path: Path) -> None:
    before, after = (config(tmp_path, text) for text in (TWO, f"{TWO}, {DELEGATE}"))

    assert before.policy.digest != after.policy.digest
    assert before.environment_digest("prod") == after.environment_digest("prod")


@pytest.mark.parametrize("name", ["u02bob", "eve@acme.com", "slack:T01ACME/U04EVE"])
def test_delegate_is_named_so_that_records_name_the_same_person(tmp_path: Path, name: str) -> None:
    loaded = config(tmp_path, f"{TWO}, {DELEGATE.replace('bob', json.dumps(name))}")

    [delegate] = loaded.path.environment("prod").approvals.delegates
    assert (delegate.name, delegate.to) == (name, "dave")
