"""The person who promoted an artifact into the source does not promote it further."""

import pytest

from engine.checks.separation_of_duties import separation_of_duties
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import SeparationOfDutiesError
from engine.domain.finding import Finding, Outcome
from engine.domain.identity import Directory
from engine.domain.operator import Operator
from engine.domain.path import PromotionPath
from engine.domain.request import PromotionRequest
from tests.checks.contexts import ALICE, BOB, TRACE, V1, entry, judge_once, person
from tests.domain.records import ID, a_promotion
from tests.scenarios.engines import path_of

DUTIES = Authorization(separation_of_duties=True)
PATH = path_of("dev", "staging", Environment("prod", authorization=DUTIES))
BY_ALICE = entry(a_promotion(operator="alice", operator_id=ALICE.id))


def judge_duties(
    operator: Operator, path: PromotionPath = PATH, directory: Directory | None = None
) -> Finding:
    request = PromotionRequest(V1, "staging", "prod", operator, TRACE)
    return judge_once(
        separation_of_duties, request, path, directory=directory, source_promotions=(BY_ALICE,)
    )


@pytest.mark.requirement("FR-050")
def test_promoter_is_blocked_and_another_person_passes() -> None:
    same, other = judge_duties(ALICE), judge_duties(BOB)

    assert (same.outcome, same.error) == (Outcome.BLOCKED, SeparationOfDutiesError)
    assert same.reason == (
        "Separation of duties violation: Operator 'alice' promoted this artifact to staging and "
        "cannot also promote to prod"
    )
    assert same.details == {"operator": "alice", "promotion": str(ID)}
    assert (other.outcome, other.reason) == (Outcome.PASSED, "alice promoted it to staging")


@pytest.mark.requirement("FR-051")
@pytest.mark.parametrize(
    "operator",
    [
        person("al"),
        # The same account under a new name.
        Operator("alice.smith", ALICE.id, ALICE.source, True),
    ],
)
def test_another_name_of_the_promoter_is_the_same_person(operator: Operator) -> None:
    directory = Directory.of({"alice": ("al",)}, {})

    assert judge_duties(operator, directory=directory).blocks


@pytest.mark.requirement("FR-053")
@pytest.mark.parametrize("rules", [None, Authorization()])
def test_rule_is_skipped_where_it_is_not_configured(rules: Authorization | None) -> None:
    path = path_of("dev", "staging", Environment("prod", authorization=rules))

    found = judge_duties(ALICE, path)

    assert (found.outcome, found.reason) == (Outcome.SKIPPED, "not required by prod")


@pytest.mark.requirement("FR-051")
def test_artifact_of_the_build_has_no_promoter() -> None:
    first = path_of(Environment("prod", authorization=DUTIES))
    request = PromotionRequest(V1, "none", "prod", ALICE, TRACE)

    build = judge_once(separation_of_duties, request, first, source_promotions=())
    source = judge_once(separation_of_duties, request, PATH, source_promotions=(None,))

    assert (build.outcome, build.reason) == (Outcome.SKIPPED, "it comes from the build")
    assert (source.outcome, source.reason) == (
        Outcome.SKIPPED,
        "no operator promoted it to staging",
    )
