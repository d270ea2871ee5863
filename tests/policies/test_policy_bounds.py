"""No artifact makes a rule run away or see less than there is."""

from time import monotonic

import pytest

from engine.domain.manifest import Manifest
from engine.domain.policy import PolicySubject
from tests.builders import Artifact, image
from tests.policies.policies import JSON, Blobs, content, on_its_way, policies, reason, violations

pytestmark = pytest.mark.requirement("FR-010")


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (b"{", "is not valid JSON: EOF while parsing"),
        (b"", "is not valid JSON"),
        (b"[NaN]", "is not valid JSON"),
        (b'"\xff"', "is not valid JSON"),
        (b'"\\ud800"', "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON: recursion limit exceeded"),
        # The library ends a text at NUL, so that 'a\0b' would be 'a'.
        (b'{"a": "a\\u0000b"}', "contains a NUL character, which hides text from rules"),
        (b" " * (1024 * 1024) + b"1", "has 1048577 bytes of JSON, more than the 1048576 allowed"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_content_no_rule_can_see_blocks_the_rules_about_it_and_no_others(layer, why):
    artifact = image(layer, layer_type=JSON)

    assert why in reason("artifact.content == []", artifact)
    assert violations("artifact.layers.size() == 1", artifact) == ()


def test_numbers_beyond_cel_block_the_rules_about_them():
    assert "out of range" in reason("artifact.content[0] > 1", content(2**70))


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ([b"1"] * 33, "the artifact has 33 JSON layers, more than the 32 allowed"),
        ([b" " * 900_000 + b"1"] * 10, "have more than 8388608 bytes in total"),
    ],
    ids=["many", "large"],
)
def test_content_in_all_is_bounded_before_any_of_it_is_read(layers, why):
    artifact = image(*layers, layer_type=JSON)
    blobs = Blobs(artifact)

    result = policies("artifact.content != []").enforce(on_its_way(artifact, blobs))

    assert why in result.violations[0].message
    assert blobs.asked == []


@pytest.mark.parametrize("bad", [b"{}", b"not json", b'{"schemaVersion": 2, "layers": 3}'])
def test_a_manifest_that_is_none_blocks(bad):
    artifact = Artifact(Manifest(bad, "application/vnd.oci.image.manifest.v1+json"))
    subject = PolicySubject(artifact.manifest, "v1.2.3", "dev", "staging", lambda *_: b"")

    [found] = policies("true").enforce(subject).violations

    assert "is not an OCI manifest" in found.message
    assert found.severity == "error"


def test_annotations_with_a_nul_block_rather_than_be_seen_cut_off():
    artifact = image(annotations={"owner": "sre\0attacker"})

    assert "NUL" in reason("artifact.annotations.owner == 'sre'", artifact)


@pytest.mark.parametrize(
    "rule",
    [
        "artifact.content[0].all(a, artifact.content[0].all(b, a + b > 0))",
        "artifact.content.all(c, c.all(d, c.all(e, c.exists(f, f == 2000))))",
        "artifact.content.all(c, c.map(x, x + 1).size() == 2000)",
        "artifact.content.all(c, c.filter(x, x > 0).size() == 2000)",
    ],
)
def test_a_rule_without_end_is_ended(rule):
    artifact = content(*[list(range(1, 2001)) for _ in range(8)])
    started = monotonic()

    assert reason(rule, artifact) == "it needs more than 10000 steps through lists and maps"

    assert monotonic() - started < 30


@pytest.mark.parametrize("document", [[1] * 2001, {str(number): 1 for number in range(2001)}])
@pytest.mark.parametrize("macro", ["map(x, x == x)", " filter (x, true)"])
def test_what_copies_lists_takes_no_long_ones(document, macro):
    rule = f"artifact.content[0].{macro}.size() == 2001"

    assert reason(rule, content(document)) == (
        "the artifact has a list of more than 2000 entries, the limit for map() and filter(): "
        "use all() or exists()"
    )


def test_what_only_looks_takes_long_lists():
    assert violations("artifact.content[0].all(x, x == 1)", content([1] * 9000)) == ()


def test_a_pattern_made_to_be_slow_is_not():
    artifact = content("x" * 1_000_000)
    started = monotonic()

    assert violations("!artifact.content[0].matches('^(x+)+y$')", artifact) == ()

    assert monotonic() - started < 30
