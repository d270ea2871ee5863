"""The rules of docs/install.md for immutable tags work on a registry that enforces them."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from engine.adapters.ledger.encoding import head_tag, sequence_tag
from engine.adapters.registry.remote.referrers import fallback_tag
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag, Version
from engine.domain.environment import Environment
from engine.domain.errors import TagExistsError
from engine.domain.policy_document import policy_tag
from tests.builders import image
from tests.docs.pages import ROOT, blocks
from tests.peers.fake_registry import FakeRegistry, digest_of, oci_error
from tests.scenarios.engines import engine_on, promote
from tests.scenarios.verbs import lock, roll_back, unlock

REPOSITORY = "acme/platform"
PAGE = ROOT / "docs/install.md"
SUBJECT = Digest.of(b"subject")
STAGING, PROD = Environment("staging"), Environment("prod")
NEVER_MOVED = [
    *(environment.tag(Version(v)).name for environment in (STAGING, PROD) for v in ("v1.2.3",)),
    *(STAGING.tag(Version(v)).name for v in ("v10.0.0-rc.1", "v2.0.0-latest")),
    STAGING.rollback_tag(Version("v1.2.3"), 1).name,
    PROD.rollback_tag(Version("v1.2.3"), 12).name,
    sequence_tag("staging", 1).name,
    sequence_tag("prod", 1234).name,
    policy_tag(str(SUBJECT)).name,
    f"floe-findings.{SUBJECT.hex}",
]
MOVED = [
    STAGING.latest.name,
    PROD.latest.name,
    *(head_tag(name).name for name in ("dev", "staging", "prod")),
    fallback_tag(SUBJECT).name,
    f"{fallback_tag(SUBJECT).name}.sig",
]


def _globs() -> Callable[[str], bool]:
    [block] = [b for b in blocks("text") if b.page == PAGE and "floe-ledger" in b.text]
    patterns = block.text.split()
    return lambda tag: any(fnmatchcase(tag, pattern) for pattern in patterns)


def _harbor() -> Callable[[str], bool]:
    """Harbor's field takes several patterns in braces."""
    [braces] = re.findall(r"`\{([^}`]*floe-ledger[^}`]*)\}`", PAGE.read_text())
    return lambda tag: any(fnmatchcase(tag, pattern) for pattern in braces.split(","))


def _expressions() -> Callable[[str], bool]:
    expressions = re.findall(r"`(\^[^`]*\$)`", PAGE.read_text())
    assert len(expressions) > 1
    return lambda tag: any(re.search(expression, tag) for expression in expressions)


def _ecr() -> Callable[[str], bool]:
    """Amazon ECR takes at most five filters, each with at most two wildcards."""
    filters = re.findall(r"filterType=WILDCARD,filter=(\S+)", PAGE.read_text())
    assert 1 <= len(filters) <= 5
    assert all(re.fullmatch(r"[0-9a-zA-Z._*-]{1,128}", f) and f.count("*") <= 2 for f in filters)
    return lambda tag: not any(fnmatchcase(tag, pattern) for pattern in filters)


RULES = {"globs": _globs, "Harbor": _harbor, "expressions": _expressions, "ECR": _ecr}
REFUSAL = oci_error(400, "TAG_INVALID", "the tag is immutable")
pytestmark = pytest.mark.parametrize("rule", RULES)


def test_rules_match_exactly_the_tags_that_never_move(rule: str) -> None:
    protects = RULES[rule]()

    assert [tag for tag in NEVER_MOVED if not protects(tag)] == []
    assert [tag for tag in MOVED if protects(tag)] == []


def test_consecutive_changes_work_on_a_registry_with_the_rules(
    fake: FakeRegistry,
    opened: Callable[..., DistributionRegistry],
    tmp_path: Path,
    rule: str,
) -> None:
    protects = RULES[rule]()
    fake.behaviour.immutable, fake.behaviour.protects = REFUSAL, protects
    for version in ("v1.0.0", "v1.1.0"):
        fake.hold(REPOSITORY, image(version.encode()), f"{version}-dev")

    with engine_on(opened(fake.host), tmp_path) as engine:
        for version in ("v1.0.0", "v1.1.0"):
            for target in ("staging", "prod"):
                assert promote(engine, version, target).error is None
        assert lock(engine, "prod").error is None
        assert unlock(engine, "prod").error is None
        assert roll_back(engine, "v1.0.0", "prod").error is None

    tags = fake.repository(REPOSITORY).tags
    assert tags["latest-prod"] == digest_of(image(b"v1.0.0").manifest.content)
    written = [r.path.rpartition("/")[2] for r in fake.seen("PUT", "/manifests/")]
    moved = {tag for tag in written if written.count(tag) > 1}
    assert {"latest-prod", "floe-head.prod"} <= moved
    assert not any(protects(tag) for tag in moved)
    assert {"v1.0.0-prod", "v1.0.0-prod-rollback-1", "floe-ledger.prod.5"} <= set(written)


@pytest.mark.parametrize("tag", ["v1.0.0-prod", "floe-ledger.prod.1"])
def test_immutable_tags_cannot_be_overwritten(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry], rule: str, tag: str
) -> None:
    fake.hold(REPOSITORY, image(b"old"), tag)
    fake.behaviour.immutable, fake.behaviour.protects = REFUSAL, RULES[rule]()

    with pytest.raises(TagExistsError):
        opened(fake.host).put(image(b"new").manifest, Tag(tag))
