"""A version from which the source was rolled back is promoted only with an override."""

import pytest

from engine.checks.rolled_back import describe_rollback, rolled_back
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import AuthorizationError, RolledBackError
from engine.domain.finding import Outcome
from engine.domain.operator import Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.plan import Effect
from engine.domain.release_errors import QuarantinedError
from engine.domain.request import PromotionRequest
from engine.domain.state import Quarantine
from tests.checks.contexts import REASON, TRACE, V1, entry, judge_once, person
from tests.domain.records import a_promotion, a_rollback
from tests.scenarios.engines import path_of

ROLLBACK = entry(a_rollback(reason="5xx"))
FACT = "staging was rolled back from v1.0.0 by alice@acme.com on 2026-01-02 03:04:05 UTC: 5xx"
OVERRIDE = Overrides(override_rollback=True, reason=REASON)
APPROVER, DEVELOPER = person("ada", "admins"), person("dora", "dev", "ops")
GUARDED = path_of(
    "dev", "staging", Environment("prod", authorization=Authorization(frozenset({"admins"})))
)


def promotion(
    operator: Operator = APPROVER, overrides: Overrides = NO_OVERRIDES
) -> PromotionRequest:
    return PromotionRequest(V1, "staging", "prod", operator, TRACE, overrides=overrides)


@pytest.mark.parametrize(
    ("rollback", "effect", "reason"),
    [
        (None, Effect.CHANGE, "staging was not rolled back from v1.0.0"),
        (ROLLBACK, Effect.COMPLETE, "prod is not changed"),
        (ROLLBACK, Effect.NOTHING, "prod is not changed"),
    ],
)
def test_promotion_passes_without_a_rollback_or_if_it_is_recorded(
    rollback: object, effect: Effect, reason: str
) -> None:
    found = judge_once(
        rolled_back, promotion(), effect=effect, source_rollbacks=(rollback,), quarantines=()
    )

    assert (found.check, found.outcome, found.reason) == ("rolled back", Outcome.PASSED, reason)


@pytest.mark.parametrize("overrides", [NO_OVERRIDES, Overrides(allow_older=True, reason=REASON)])
def test_promotion_is_blocked_after_a_rollback(overrides: Overrides) -> None:
    found = judge_once(
        rolled_back,
        promotion(overrides=overrides),
        effect=Effect.CHANGE,
        source_rollbacks=(ROLLBACK,),
        quarantines=(),
    )

    assert (found.outcome, found.error) == (Outcome.BLOCKED, RolledBackError)
    assert found.reason == (
        f"{FACT}. Promote it to staging again once it is fixed (floe platform promote v1.0.0 --to "
        "staging). Approvers of prod can override this: floe platform promote v1.0.0 --to prod "
        "--override-rollback --reason …"
    )
    assert found.details == {"version": "v1.0.0", "source": "staging"}


def test_approver_overrides_with_a_warning() -> None:
    found = judge_once(
        rolled_back,
        promotion(overrides=OVERRIDE),
        GUARDED,
        effect=Effect.CHANGE,
        source_rollbacks=(ROLLBACK,),
        quarantines=(),
    )

    assert (found.check, found.outcome) == ("rolled back", Outcome.WARNED)
    assert found.reason == (f"{FACT}. ada overrides it (--override-rollback, group admins): INC-42")


def test_others_cannot_override() -> None:
    found = judge_once(
        rolled_back,
        promotion(DEVELOPER, OVERRIDE),
        GUARDED,
        effect=Effect.CHANGE,
        source_rollbacks=(ROLLBACK,),
        quarantines=(),
    )

    assert (found.check, found.error) == ("authorization", AuthorizationError)
    assert found.reason == (
        f"Unauthorized: Operator 'dora' may not override this rule: {FACT}. Ask an approver of prod"
    )
    assert found.details == {"operator": "dora", "groups": ["dev", "ops"]}


def test_only_a_rollback_is_described() -> None:
    assert describe_rollback(None) is None
    assert describe_rollback(entry(a_promotion())) is None
    assert f"staging was rolled back from v1.0.0 {describe_rollback(ROLLBACK)}" == FACT


def test_all_rollbacks_in_force_are_named() -> None:
    """A refusal and an override name the quarantines, and a source that was rolled back."""
    held = Quarantine(
        version="v1.0.0",
        digest=f"sha256:{'1' * 64}",
        operator="bob@acme.com",
        reason="leak",
        at=ROLLBACK.record.at,
    )
    facts = {
        "effect": Effect.CHANGE,
        "source_rollbacks": (ROLLBACK,),
        "quarantines": (("eu", held), ("us", held)),
    }

    refused = judge_once(rolled_back, promotion(), GUARDED, **facts)
    warned = judge_once(rolled_back, promotion(overrides=OVERRIDE), GUARDED, **facts)

    named = "; ".join(f"{name} was rolled back from v1.0.0 {held}" for name in ("eu", "us"))
    assert refused.error is QuarantinedError
    assert refused.reason.startswith(f"{named}; {FACT}. So it is quarantined there")
    for name in ("eu", "us"):
        assert f"floe platform release v1.0.0 --env {name} --reason …" in refused.reason
    assert "floe platform promote v1.0.0 --to staging" in refused.reason
    assert refused.details == {"version": "v1.0.0", "source": "staging", "environment": "eu"}
    assert warned.outcome is Outcome.WARNED
    assert warned.reason.startswith(f"{named}; {FACT}. ada overrides it")
