"""The promotion path: single steps, and unambiguous tags."""

import pytest

from engine.domain.artifact import Tag, Version
from engine.domain.environment import Environment
from engine.domain.errors import InvalidTransitionError, UsageError
from engine.domain.operator import IdentitySource, Operator
from engine.domain.parsing import parse_promotion_request
from engine.domain.path import PromotionPath, TagReading

ADA = Operator("os:ada", "os:ada", IdentitySource.OS, verified=False)
TRACE = "0" * 31 + "1"


def path(*names: str) -> PromotionPath:
    return PromotionPath(tuple(Environment(name) for name in names or ("dev", "staging", "prod")))


def ask(version, source, target, along=None):
    return parse_promotion_request(along or path(), version, source, target, ADA, TRACE)


@pytest.mark.requirement("FR-001")
@pytest.mark.parametrize(
    ("source", "target"), [("dev", "prod"), ("staging", "dev"), ("dev", "dev"), ("none", "prod")]
)
def test_only_the_next_environment_is_a_valid_target(source, target):
    with pytest.raises(InvalidTransitionError) as refused:
        ask("v1.2.3", source, target)

    assert str(refused.value) == (
        f"Cannot promote from '{source}' to '{target}'. Required path: dev -> staging -> prod"
    )


@pytest.mark.requirement("FR-001a")
def test_the_path_is_the_order_of_the_names():
    assert ask("v1.2.3", None, "z", path("q", "z", "a")).source == "q"
    with pytest.raises(InvalidTransitionError, match="q -> z -> a"):
        ask("v1.2.3", "z", "q", path("q", "z", "a"))


def test_source_defaults_to_the_environment_before():
    assert ask("v1.2.3", None, "staging").source == "dev"
    assert ask("v1.2.3", None, "dev").source == "none"


def test_tag_of_the_source_is_parsed_as_its_version():
    assert ask("v1.2.3-dev", "dev", "staging").version == Version("v1.2.3")
    assert ask("v1.2.3-dev", None, "staging").version == Version("v1.2.3")


@pytest.mark.parametrize(
    "text",
    ["latest", "latest-dev", "v1", "v1.2.3+b", "a b", "../../x", "v1.2.3\n", "", "v1\x1b[31m"],
)
def test_invalid_version_is_refused_in_a_printable_sentence(text):
    with pytest.raises(UsageError, match="is not a version") as refused:
        ask(text, "dev", "staging")

    assert str(refused.value).isprintable()


def test_unknown_environment_is_refused_with_the_path():
    with pytest.raises(
        UsageError, match=r"'prd' is not an environment. Did you mean prod\? Environments"
    ):
        ask("v1.2.3", None, "prd")


def test_prod_and_pre_prod_can_both_exist():
    along = path("dev", "pre-prod", "prod")

    assert along.read(Tag("v1.2.0-pre-prod")) == TagReading(Version("v1.2.0"), "pre-prod")
    assert along.read(Tag("v1.2.0-prod")) == TagReading(Version("v1.2.0"), "prod")


def test_version_with_an_ambiguous_tag_is_refused():
    along = path("dev", "pre-prod", "prod")

    with pytest.raises(UsageError, match="'v1.2.0-pre-prod' means v1.2.0 in pre-prod"):
        ask("v1.2.0-pre", None, "prod", along)
    with pytest.raises(UsageError, match="means v1.2.3 in staging"):
        ask("v1.2.3-staging", "none", "dev")


def test_rollback_tag_is_parsed_with_its_number():
    assert path().read(Tag("v1.2.2-prod-rollback-12")) == TagReading(Version("v1.2.2"), "prod", 12)
    assert path().read(Tag("v1.2.2-prod-rollback-x")) is None
    assert path().read(Tag("v1.2.2-prod-rollback-0")) is None


def test_a_tag_that_would_be_too_long_is_refused():
    with pytest.raises(UsageError, match="128"):
        ask(f"v1.2.3-{'a' * 118}", None, "staging")
