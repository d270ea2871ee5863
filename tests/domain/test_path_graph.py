"""Paths with branches: sources, required and later environments, and their text."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.environment import Environment
from engine.domain.errors import InvalidTransitionError
from engine.domain.parsing import parse_promotion_request
from engine.domain.path import NO_ENVIRONMENT, PromotionPath
from tests.scenarios.engines import ALICE, TRACE_ID, path_of

REGIONS = path_of(
    "dev",
    "staging",
    Environment("eu-canary", after=("staging",)),
    Environment("us-canary", after=("staging",)),
    Environment("prod", after=("eu-canary", "us-canary")),
)
ANY = PromotionPath(
    (*REGIONS.environments[:-1], replace(REGIONS.environments[-1], any_source=True))
)


@st.composite
def paths(draw: st.DrawFn) -> PromotionPath:
    """Draw a path of up to eight environments, of which each follows some earlier ones."""
    names = [f"e{number}" for number in range(draw(st.integers(1, 8)))]
    environments = [Environment(names[0])]
    for place in range(1, len(names)):
        after = draw(st.sets(st.sampled_from(names[:place])))
        ordered = tuple(name for name in names if name in after)
        any_source = len(ordered) > 1 and draw(st.booleans())
        environments.append(Environment(names[place], after=ordered, any_source=any_source))
    return PromotionPath(tuple(environments))


@given(paths())
def test_sources_come_earlier_and_later_ones_lead_back(path: PromotionPath) -> None:
    for place, each in enumerate(path.environments):
        sources = {source.name for source in path.sources(each.name)}
        assert sources <= {*path.names[:place]}
        assert bool(sources) is (place > 0)
        assert path.required(each.name) <= {*path.names[:place]}
        for later in path.later(each.name):
            assert path.names.index(later) > place
        assert all(each.name in path.later(source) for source in sources)


@given(paths())
def test_required_environments_are_on_every_way(path: PromotionPath) -> None:
    for each in path.environments:
        for name in path.required(each.name):
            assert each.name in path.later(name)
        if not each.any_source:
            assert {s.name for s in path.sources(each.name)} <= path.required(each.name)


@given(paths())
def test_every_source_is_a_step_and_no_other_environment_is(path: PromotionPath) -> None:
    for each in path.environments:
        sources = {s.name for s in path.sources(each.name)} or {NO_ENVIRONMENT}
        for name in (*path.names, NO_ENVIRONMENT):
            if name in sources:
                assert path.step(name, each.name) == path.source(each.name)
            else:
                with pytest.raises(InvalidTransitionError):
                    path.step(name, each.name)


def test_path_is_text_with_its_branches() -> None:
    assert str(REGIONS) == (
        "dev -> staging -> eu-canary; staging -> us-canary; eu-canary and us-canary -> prod"
    )
    assert str(ANY).endswith("eu-canary or us-canary -> prod")
    assert str(path_of("dev", "staging", "prod")) == "dev -> staging -> prod"
    assert not path_of("dev", "staging").branches


def test_any_source_requires_only_the_common_environments() -> None:
    assert REGIONS.required("prod") == {"dev", "staging", "eu-canary", "us-canary"}
    assert ANY.required("prod") == {"dev", "staging"}
    assert REGIONS.later("eu-canary") == ("prod",)


def test_version_may_be_the_tag_of_any_source() -> None:
    asked = parse_promotion_request(REGIONS, "v1.0.0-us-canary", None, "prod", ALICE, TRACE_ID)
    chosen = parse_promotion_request(REGIONS, "v1.0.0", "us-canary", "prod", ALICE, TRACE_ID)

    assert (str(asked.version), asked.source) == ("v1.0.0", "eu-canary and us-canary")
    assert chosen.source == "eu-canary and us-canary"


@pytest.mark.parametrize("target", ["dev", "prod"])
def test_only_names_of_sources_are_cut_from_a_version(target: str) -> None:
    asked = parse_promotion_request(REGIONS, "v1.0.0-None", None, target, ALICE, TRACE_ID)

    assert str(asked.version) == "v1.0.0-None"


def test_build_is_no_name_of_an_environment() -> None:
    asked = parse_promotion_request(REGIONS, "v1.0.0-none", None, "dev", ALICE, TRACE_ID)

    assert str(asked.version) == "v1.0.0-none"


@pytest.mark.parametrize("after", [("prod",), ("later",), ("nowhere",)])
def test_environment_after_one_that_is_not_earlier_is_no_path(after: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="not before it"):
        path_of("dev", Environment("prod", after=after), "later")
