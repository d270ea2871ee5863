"""Rules are CEL expressions: checked when they are loaded, and evaluated as CEL specifies."""

import pytest

from engine.domain.errors import ConfigError
from tests.builders import image
from tests.policies.policies import content, policies, reason, violations

pytestmark = pytest.mark.requirement("FR-010")


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("artifact.nope", 'Key not found in map : "nope" (test for it with has() or in'),
        ("artifact.annotations.nope == 'x'", 'Key not found in map : "nope"'),
        ("artifact.annotations['nope'] == 'x'", 'Key not found in map : "nope"'),
        ("has(artifact.nope.deeper)", 'Key not found in map : "nope"'),
        (f"artifact['{'x' * 900}']", "Key not found in map"),
        ("artifact['con' + 'tent'] == []", 'Key not found in map : "content"'),
        ("artifact.layers[7].size == 1", "Index error: index=7 size=1"),
        ("artifact.layers", "its result is LIST"),
        ("artifact.size", "its result is INT, not true or false"),
        ("artifact.config", ", not true or false"),
        ("artifact.subject", "Key not found"),
        ("artifact.size < 'a'", "No matching overloads found : _<_(int64, string)"),
        ("artifact.size ? true : false", "No matching overloads"),
        ("!artifact.size", "No matching overloads"),
        ("artifact.size / 0 == 1", "divide by zero"),
        ("artifact.size + 9223372036854775807 > 0", "integer overflow"),
        ("version.matches('(')", "invalid regular expression"),
        ("'x' in artifact.digest", "No matching overloads"),
    ],
)
def test_a_rule_that_says_neither_true_nor_false_blocks_even_as_a_warning(rule, why):
    said = reason(rule, image())

    assert why in said
    assert len(said) < 400


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("1 +", "line 1, column 4: Syntax error: mismatched input '<EOF>'"),
        ("true &&\n  nope", "line 2, column 3: undeclared reference to 'nope'"),
        ("unknown(1)", "line 1, column 8: undeclared reference to 'unknown'"),
        ("version.nope()", "line 1, column 13: undeclared reference to 'nope'"),
        ("artifact.layers.all(l)", "line 1, column 21: undeclared reference to 'l'"),
        ("has(1)", "line 1, column 5: has() argument must be a field selection"),
        ("version == 1", "line 1, column 9: found no matching overload for '_==_'"),
        ("artifact = 1", "line 1, column 10: Syntax error"),
        ("'open", "line 1, column 1: Syntax error"),
        ("version", "its result is STRING, not true or false"),
        ("artifact", "its result is MAP"),
        ("1", "its result is INT, not true or false"),
        ("(" * 200 + "true" + ")" * 200, "recursion limit exceeded"),
        ("artifact" + ".a" * 40 + " == 1", "compile: Exceeded max recursion depth of 32"),
        (" + ".join(["1"] * 60_000) + " > 0", "expression size exceeds"),
        ("'\ud800' == version", "it is not valid Unicode text"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_rule_that_does_not_compile_is_refused_at_load_with_its_place(rule, place):
    with pytest.raises(ConfigError) as refused:
        policies("true", rule)

    message = str(refused.value)
    start = "artifacts.promotion.policies[1].rule: policy 'rule-2' does not compile: "
    assert message.startswith(start)
    assert place in message
    assert len(message) < 450


def test_every_rule_that_does_not_compile_is_named():
    with pytest.raises(ConfigError) as refused:
        policies("1 +", "true", "nope")

    assert str(refused.value).splitlines() == [
        "2 policies do not compile",
        "  artifacts.promotion.policies[0].rule: policy 'rule-1' does not compile: "
        "line 1, column 4: Syntax error: mismatched input '<EOF>'",
        "  artifacts.promotion.policies[2].rule: policy 'rule-3' does not compile: "
        "line 1, column 1: undeclared reference to 'nope'",
    ]
    assert [each["path"] for each in refused.value.details["problems"]] == [
        "artifacts.promotion.policies[0].rule",
        "artifacts.promotion.policies[2].rule",
    ]


# The specification of CEL, where its implementations are known to differ.
@pytest.mark.parametrize(
    "rule",
    [
        "size(artifact.annotations['größe']) == 4",
        "'🎉'.size() == 1",
        "'größe' in artifact.annotations && !('grosse' in artifact.annotations)",
        "artifact.content[0].d == 1 && artifact.content[0].i == 1.0",
        "artifact.content[0].i < 1.5 && artifact.content[0].i in [1.0]",
        "artifact.content[0].i == 1u",
        "artifact.content[0].big == 9007199254740993",
        "artifact.content[0].t && artifact.content[0].t != artifact.content[0].i",
        "artifact.content[0].nothing == null",
        "!has(artifact.content[0].absent) && has(artifact.content[0].nothing)",
        "!has(artifact.content[0].deep.absent)",
        "true || artifact.nope == 1",
        "artifact.nope == 1 || true",
        "!(false && artifact.nope == 1)",
        "!(artifact.nope == 1 && false)",
        "[0, 1].exists(x, 1 / x == 1)",
        "![0, 1].all(x, 1 / x == 2)",
        "artifact.content[0].list.exists_one(x, x == 2)",
        "artifact.content[0].list.filter(x, x > 1) == [2, 3]",
        "artifact.content[0].list.map(x, x * 2) == [2, 4, 6]",
        "artifact.annotations.all(k, k.size() > 0)",
        "artifact.size < 100 ? false : true",
        "artifact.content[0].deep.a.b[0].c == 'x'",
        "version.matches('^v[0-9]+\\\\.') && version.contains('2') && version.endsWith('3')",
        "timestamp('2026-01-01T00:00:00Z') < timestamp('2026-02-01T00:00:00Z')",
        "duration('1h') > duration('30m')",
        "int('5') == 5 && string(5) == '5' && double('1.5') == 1.5",
        "-7 / 2 == -3 && -7 % 2 == -1",
        " && ".join(["true"] * 1000),
    ],
    ids=lambda rule: rule[:50],
)
def test_a_rule_means_what_cel_says(rule):
    document = {
        "i": 1,
        "d": 1.0,
        "big": 9007199254740993,
        "t": True,
        "nothing": None,
        "list": [1, 2, 3],
        "deep": {"a": {"b": [{"c": "x"}]}},
    }
    artifact = content(document, annotations={"größe": "groß"})

    assert violations(rule, artifact) == ()
