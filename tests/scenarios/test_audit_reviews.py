"""A review counts in the audit only if its policy gives the right that it states."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from engine.domain.break_glass import BreakGlassRules
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.names import Names
from engine.domain.operator import Operator
from engine.domain.record_header import record_header
from engine.domain.release_records import BreakGlass, ReviewRecord
from tests.conftest import Place
from tests.scenarios.audited import audit, messages
from tests.scenarios.engines import BOB, TRACE_ID, engine_on, path_of
from tests.scenarios.forging import LATER, Forger
from tests.scenarios.verbs import artifact, build_and_promote

SRE = Names(["sre"])
LEADS = Environment("prod", break_glass=BreakGlassRules(SRE, review_groups=Names(["leads"])))
APPROVERS = Environment(
    "prod",
    approvals=Approvals(groups=Names(["leads"]), operators=frozenset({"bob@acme.com"})),
    break_glass=BreakGlassRules(SRE),
)
MANAGERS = Environment(
    "prod",
    authorization=Authorization(allowed_groups=Names(["leads"])),
    break_glass=BreakGlassRules(SRE),
)
OPEN = Environment("prod", break_glass=BreakGlassRules(SRE))
STRANGER = replace(BOB, verified=False)
DAVE = replace(BOB, name="dave@acme.com", id="slack:T1/U4")


def found(place: Place, folder: Path, rules: Environment, via: str, who: Operator) -> str:
    """The problems of a break-glass by a group of its policy, and a review by the right `via`."""
    with engine_on(place.registry, folder, path_of("dev", "staging", rules)) as engine:
        build_and_promote(place, engine, "v1.0.0")
        forger = Forger(place, engine)
        glass = BreakGlass(
            incident="INC-1", reason="down", via="group sre", skipped=(), review_by=LATER
        )
        opened = forger.promote("v1.0.0", "prod", artifact("v1.0.0"), break_glass=glass)
        review = ReviewRecord(
            review_id=uuid4(),
            environment="prod",
            reviewed=opened.id,
            incident="INC-1",
            accepted=True,
            reason="fine",
            authorized_via=via,
            reviewed_at=LATER,
            **record_header(who, TRACE_ID, engine.runner.policy.digest),
        )
        forger.append(review)
        return messages(audit(engine, "prod"))


@pytest.mark.parametrize(
    ("rules", "via", "who"),
    [
        (LEADS, "group developers", BOB),
        (LEADS, "any verified operator", BOB),
        (LEADS, "operator bob@acme.com", BOB),
        (LEADS, "group leads", STRANGER),
        (APPROVERS, "group sre", BOB),
        (APPROVERS, "operator bob@acme.com", DAVE),
        (MANAGERS, "any verified operator", BOB),
        (OPEN, "any verified operator", STRANGER),
    ],
)
def test_right_that_the_policy_does_not_give_is_found(
    place: Place, tmp_path: Path, rules: Environment, via: str, who: Operator
) -> None:
    problems = found(place, tmp_path, rules, via, who)

    assert f"by {who.name} ({via}), who may not review it by its policy" in problems


@pytest.mark.parametrize(
    ("rules", "via"),
    [
        (LEADS, "group leads"),
        (APPROVERS, "group leads"),
        (APPROVERS, "operator bob@acme.com"),
        (MANAGERS, "group leads"),
        (OPEN, "prod requires no authorization"),
    ],
)
def test_right_that_the_policy_gives_is_accepted(
    place: Place, tmp_path: Path, rules: Environment, via: str
) -> None:
    assert "may not review" not in found(place, tmp_path, rules, via, BOB)
