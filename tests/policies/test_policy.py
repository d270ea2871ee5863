"""Policies judge a promoted artifact, and block one that they cannot judge."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from engine.domain.policy import PolicySubject, PolicyViolation
from tests.builders import image, index
from tests.policies.policies import JSON, Blobs, content, on_its_way, policies, violations

pytestmark = pytest.mark.requirement("FR-010")
SOURCE = {"org.opencontainers.image.source": "https://git.example.com/acme"}


def test_an_artifact_that_keeps_every_policy_passes():
    compiled = policies("'org.opencontainers.image.source' in artifact.annotations", "true")

    result = compiled.enforce(on_its_way(image(annotations=SOURCE)))

    assert result.passed
    assert result.violations == ()


def test_a_violation_names_the_policy_and_says_what_its_author_wrote():
    compiled = policies("true", "target == 'prod'", message="only for prod")

    result = compiled.enforce(on_its_way(image()))

    assert not result.passed
    assert result.violations == (PolicyViolation("rule-2", "error", "only for prod"),)


def test_a_violation_without_a_message_shows_the_rule():
    [found] = violations("target ==\n 'prod'", image())

    assert str(found) == "rule-1: the artifact violates the rule target ==\\n 'prod'"


def test_a_warning_is_reported_and_does_not_block():
    result = policies("false", severity="warning").enforce(on_its_way(image()))

    assert result.passed
    assert [found.severity for found in result.violations] == ["warning"]


def test_all_violations_are_reported_in_the_order_of_the_policies():
    result = policies("false", "true", "artifact.nope", "1 > 2").enforce(on_its_way(image()))

    assert [found.policy for found in result.violations] == ["rule-1", "rule-3", "rule-4"]


def test_without_policies_nothing_is_read():
    blobs = Blobs(content({}))

    result = policies().enforce(on_its_way(content({}), blobs))

    assert (result.passed, blobs.asked) == (True, [])


@pytest.mark.parametrize(
    "rule",
    [
        "artifact.digest.startsWith('sha256:') && artifact.digest.size() == 71",
        "artifact.media_type == 'application/vnd.oci.image.manifest.v1+json'",
        "artifact.artifact_type == 'application/vnd.oci.image.config.v1+json'",
        "artifact.annotations['org.opencontainers.image.source'].matches('^https://')",
        "artifact.config.media_type == artifact.artifact_type && artifact.config.size == 2",
        "artifact.layers.size() == 2 && artifact.layers[0].size == 14",
        "artifact.layers.all(l, l.media_type.endsWith('+json') && l.annotations == {})",
        "artifact.manifests == []",
        "artifact.size > 17 && artifact.size < 2000",
        "version == 'v1.2.3' && source == 'dev' && target == 'staging'",
        "artifact.content.exists(c, has(c.owner) && c.owner == 'a')",
        "artifact['content'][1] == [1, 2.5, null, 'größe', true]",
    ],
)
def test_a_rule_sees_the_artifact_and_its_way(rule):
    artifact = content({"owner": "a"}, [1, 2.5, None, "größe", True], annotations=SOURCE)

    assert violations(rule, artifact) == ()


@pytest.mark.parametrize(
    "rule",
    [
        "artifact.media_type == 'application/vnd.oci.image.index.v1+json'",
        "artifact.manifests.size() == 2 && artifact.manifests[0].size > 0",
        "artifact.layers == [] && artifact.config == null && artifact.artifact_type == null",
        "artifact.content == []",
    ],
)
def test_a_rule_sees_the_parts_of_an_index(rule):
    assert violations(rule, index(image(b"arm"), image(b"amd"))) == ()


def test_the_size_is_that_of_the_manifest_and_all_it_names():
    artifact = image(b"12345", b"678", config=b"{}")
    size = len(artifact.manifest.content) + 10

    assert violations(f"artifact.size == {size}", artifact) == ()


def test_layers_are_read_only_where_a_rule_speaks_of_the_content():
    artifact = content({"owner": "a"})
    quiet, curious = Blobs(artifact), Blobs(artifact)

    policies("artifact.size > 0").enforce(on_its_way(artifact, quiet))
    policies("artifact.content.size() == 1", "artifact.content != []").enforce(
        on_its_way(artifact, curious)
    )

    assert quiet.asked == []
    assert curious.asked == [artifact.manifest.view.layers[0].digest]


@pytest.mark.parametrize(
    "media_type", [JSON, "application/json", "Application/JSON", "text/json; charset=utf-8"]
)
def test_json_is_content_by_its_media_type(media_type):
    artifact = image(b'{"owner": "a"}', layer_type=media_type)

    assert violations("artifact.content[0].owner == 'a'", artifact) == ()


def test_layers_that_are_not_json_are_no_content():
    artifact = image(b"tar", b"more")
    blobs = Blobs(artifact)

    result = policies("artifact.content == []").enforce(on_its_way(artifact, blobs))

    assert (result.violations, blobs.asked) == ((), [])


def test_an_error_of_the_registry_is_no_verdict():
    def unreachable(digest: str, limit: int) -> bytes:
        raise ConnectionError(digest)

    artifact = content({})
    subject = PolicySubject(artifact.manifest, "v1.2.3", "dev", "staging", unreachable)

    with pytest.raises(ConnectionError):
        policies("artifact.content == [{}]").enforce(subject)


def test_policies_are_shared_by_threads():
    compiled = policies("artifact.content[0].all(x, x >= 0)", "artifact.layers.size() == 1")
    good, bad = on_its_way(content([0, 1, 2])), on_its_way(content([0, -1, 2]))

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(compiled.enforce, [good, bad] * 200))

    passed = [result.passed for result in results]
    assert passed[:2] == [True, False]
    assert all(this != following for this, following in pairwise(passed))
