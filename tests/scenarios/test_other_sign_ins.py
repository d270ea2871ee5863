"""A person is one person through all sign-ins that verify one of their names."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from engine.api import Engine
from engine.config.digests import policy_document
from engine.config.ledger import Ledger
from engine.config.people import Identity
from engine.domain.approval_rules import ApprovalRule, Delegate
from engine.domain.break_glass import BreakGlassRules
from engine.domain.change import ChangeState
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.errors import SeparationOfDutiesError
from engine.domain.identity import Claims, Directory
from engine.domain.names import Names
from engine.domain.operator import IdentitySource, Operator
from engine.domain.overrides import Overrides
from engine.domain.parsing import parse_promotion_request, parse_review_request
from engine.domain.record_header import record_header
from engine.domain.release_records import ReviewRecord
from engine.domain.result import Result
from tests.builders import image
from tests.conftest import Place
from tests.scenarios import changing
from tests.scenarios.audited import audit, messages
from tests.scenarios.changing import Stage, stage_on
from tests.scenarios.engines import NOON, TRACE_ID, ProgressLog, engine_on, path_of, promote
from tests.scenarios.forging import LATER, Forger
from tests.scenarios.verbs import lock, unlock

ALIASES = {"bob": ("slack:T/U02BOB",)}
GROUPS = {"sre": ("bob", "bob@acme.com", "carol@acme.com"), "security": ("carol@acme.com",)}
DIRECTORY = Directory.of(ALIASES, GROUPS)
DUTIES = Authorization(separation_of_duties=True)
GLASS = BreakGlassRules(Names(["sre"]), review_groups=Names(["sre"]))
RULES = Approvals(
    rules=(ApprovalRule("security", Names(["security"])),),
    delegates=(Delegate("carol@acme.com", "bob@acme.com", NOON + timedelta(days=9)),),
)
ONLY_IN_SLACK = Authorization(allowed_operators=Names(["slack:T/U02BOB"]))
PATH = path_of(
    Environment("dev", authorization=ONLY_IN_SLACK),
    Environment("staging", authorization=Authorization(), break_glass=GLASS),
    Environment("prod", authorization=DUTIES, approvals=RULES, break_glass=GLASS),
)


def operator(name: str, source: IdentitySource, *names: str) -> Operator:
    return DIRECTORY.operator(Claims(name, source, True, names))


IN_SLACK = operator("slack:T/U02BOB", IdentitySource.SLACK, "bob@acme.com", "U02BOB")
ON_THE_PAGE = operator("proxy:bob@acme.com", IdentitySource.PROXY, "bob@acme.com")
CAROL = operator("slack:T/U03CAROL", IdentitySource.SLACK, "carol@acme.com", "U03CAROL")
DAVE = operator("proxy:dave@acme.com", IdentitySource.PROXY, "dave@acme.com")


@pytest.fixture
def engine(place: Place, tmp_path: Path) -> Iterator[Engine]:
    identity = Identity(aliases=ALIASES, groups=GROUPS)
    policy = policy_document(PATH, (), None, identity, Ledger())
    place.push(image(b"one"), "v1.0.0-dev")
    with engine_on(place.registry, tmp_path, PATH, directory=DIRECTORY, policy=policy) as built:
        yield built


def break_glass(engine: Engine) -> str:
    """Promote to staging by break-glass in Slack; returns the id of the record."""
    overrides = Overrides(reason="checkout is down", incident="INC-42")
    request = parse_promotion_request(
        engine.path, "v1.0.0", None, "staging", IN_SLACK, TRACE_ID, overrides
    )
    result = engine.run(request, ProgressLog())
    assert result.record is not None, result.error
    return result.record.id


def review(engine: Engine, record: str, who: Operator) -> Result:
    asked = (record, "it was right", True)
    request = parse_review_request(engine.path, "staging", who, TRACE_ID, *asked)
    return engine.run(request, ProgressLog())


def test_nobody_reviews_their_own_break_glass_through_another_sign_in(engine: Engine) -> None:
    record = break_glass(engine)

    own = review(engine, record, ON_THE_PAGE)

    assert "used this break-glass" in str(own.error)
    assert review(engine, record, CAROL).error is None
    assert messages(audit(engine, "staging")) == ""


def test_audit_finds_a_forged_review_through_another_sign_in(engine: Engine, place: Place) -> None:
    record = break_glass(engine)
    forged = ReviewRecord(
        review_id=uuid4(),
        environment="staging",
        reviewed=record,
        incident="INC-42",
        accepted=True,
        reason="fine",
        authorized_via="group sre",
        reviewed_at=LATER,
        **record_header(ON_THE_PAGE, TRACE_ID, engine.runner.policy.digest),
    )

    Forger(place, engine).append(forged)

    found = messages(audit(engine, "staging"))
    assert "by bob, who is the same person as bob@acme.com" in found


def test_duties_are_separate_through_another_sign_in(engine: Engine) -> None:
    assert promote(engine, "v1.0.0", "staging", IN_SLACK).error is None

    refused = promote(engine, "v1.0.0", "prod", ON_THE_PAGE)

    assert isinstance(refused.error, SeparationOfDutiesError)


def test_holder_of_a_lock_removes_it_through_another_sign_in(engine: Engine) -> None:
    assert lock(engine, "dev", IN_SLACK).error is None

    unlocked = unlock(engine, "dev", ON_THE_PAGE)

    assert unlocked.plan.authorized_via == "who locked"


def test_record_has_only_names_that_its_other_fields_lack(engine: Engine) -> None:
    promote(engine, "v1.0.0", "staging", IN_SLACK)
    lock(engine, "staging", CAROL)

    locked, promotion = engine.history("staging", 2)

    assert promotion.record.operator_names == ("bob@acme.com",)
    assert b"operator_names" not in locked.record.to_bytes()


def test_audit_accepts_a_delegate_whom_the_sign_in_verified(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "DIRECTORY", DIRECTORY)
    path = path_of("dev", Environment("staging", authorization=Authorization(), approvals=RULES))
    policy = policy_document(path, (), None, Identity(aliases=ALIASES, groups=GROUPS), Ledger())
    with stage_on(place, tmp_path, path, policy=policy) as stage:
        place.push(image(b"one"), "v1.0.0-dev")

        done = _approved_by(stage, IN_SLACK)

        assert done is ChangeState.PROMOTED
        [given] = stage.engine.history("staging", 1)[0].record.approvals
        assert (given.delegated_by, given.operator_names) == ("carol@acme.com", ("bob@acme.com",))
        assert messages(audit(stage.engine, "staging")) == ""


def _approved_by(stage: Stage, who: Operator) -> ChangeState:
    asked = stage.ask(who="dave@acme.com")
    approved = stage.changes.approve(asked.id, who, "slack")
    return stage.settle(approved).state
