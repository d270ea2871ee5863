"""One forgery for each rule, and the finding that names it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from engine.domain.approval_rules import ApprovalRule, Delegate, Escalation
from engine.domain.break_glass import BreakGlassRules
from engine.domain.environment import Approvals, Authorization, Environment, FixedLock
from engine.domain.names import Names
from engine.domain.operator import Operator
from engine.domain.path import PromotionPath
from engine.domain.record import Previous
from engine.domain.release_records import BreakGlass
from tests.builders import image
from tests.scenarios.engines import ALICE, BOB, NOON, path_of
from tests.scenarios.forging import LATER, Forger, approval
from tests.scenarios.verbs import artifact, build_and_promote

Forge = Callable[[Forger], None]
# A forgery, the path of its policy, its environment, and the kind, place and text of the finding.
Case = tuple[Forge, PromotionPath, str, tuple[str, int], str]
HOUR = timedelta(hours=1)
# The warning of a rollback that ends a quarantine.
KNOWN = ("staging was rolled back from v1.1.0 by alice@acme.com: 5xx",)
DUTIES = Authorization(separation_of_duties=True)


def guarded(**rules: object) -> PromotionPath:
    """A path whose prod has `rules`."""
    return path_of("dev", "staging", Environment("prod", **rules))  # type: ignore[arg-type]


def only_tagged(forger: Forger) -> None:
    forger.place.push(artifact("v2.0.0"), "v2.0.0-staging")
    forger.promote("v2.0.0", "prod", artifact("v2.0.0"))


def past_the_source(forger: Forger) -> None:
    forger.promote("v2.0.0", "prod", artifact("v2.0.0"), source_environment="none")


def never_promoted(forger: Forger) -> None:
    forger.roll_back("v0.9.0", "prod", artifact("v0.9.0"))


def rolled_back(forger: Forger) -> None:
    forger.promote("v1.1.0", "prod", artifact("v1.1.0"))


def no_approval(forger: Forger) -> None:
    forger.promote("v1.0.0", "prod", artifact("v1.0.0"))


def approved(*approvals: object, asked: datetime | None = None) -> Forge:
    return lambda forger: void(
        forger.promote(
            "v1.0.0", "prod", artifact("v1.0.0"), approvals=approvals, requested_at=asked
        )
    )


def voted(operator: Operator, *groups: str, **fields: object) -> object:
    """An approval by which `operator` fills rules of `groups`."""
    return approval(operator).model_copy(update={"groups": groups, **fields})


def broken_glass(via: str, within: timedelta = HOUR) -> Forge:
    glass = BreakGlass(
        incident="INC-1", reason="down", via=via, skipped=("approvals",), review_by=LATER + within
    )
    return lambda forger: void(
        forger.promote("v1.0.0", "prod", artifact("v1.0.0"), break_glass=glass)
    )


def void(_: object) -> None: ...


def backwards(forger: Forger) -> None:
    forger.promote("v1.2.0", "staging", artifact("v1.2.0"), promoted_at=NOON - timedelta(hours=3))


def asked_later(forger: Forger) -> None:
    asked = LATER + timedelta(hours=2)
    forger.promote("v1.2.0", "staging", artifact("v1.2.0"), requested_at=asked)


def other_tag(forger: Forger) -> None:
    forger.promote("v1.2.0", "staging", artifact("v1.2.0"), artifact_tag="v1.3.0-staging")


def rollback_under_a_promotion_tag(forger: Forger) -> None:
    tag = "v1.1.0-staging"
    forger.roll_back("v1.1.0", "staging", artifact("v1.1.0"), artifact_tag=tag, warnings=KNOWN)


def no_version(forger: Forger) -> None:
    forger.promote("newest", "staging", artifact("v1.2.0"))


def other_content(forger: Forger) -> None:
    forger.promote("v1.1.0", "staging", image(b"bad"))


def while_locked(forger: Forger) -> None:
    forger.lock("staging")
    forger.promote("v1.2.0", "staging", artifact("v1.2.0"))


def forward_while_locked(forger: Forger) -> None:
    forger.lock("staging")
    forger.roll_back("v1.1.0", "staging", artifact("v1.1.0"), warnings=KNOWN)


def locked_twice(forger: Forger) -> None:
    forger.lock("staging")
    forger.lock("staging")


def older(forger: Forger) -> None:
    forger.promote("v0.9.0", "staging", artifact("v0.9.0"))


def other_previous(forger: Forger) -> None:
    previous = Previous(version="v6.6.6", digest=f"sha256:{'6' * 64}")
    forger.promote("v1.2.0", "staging", artifact("v1.2.0"), previous=previous)


def same_person(forger: Forger) -> None:
    build_and_promote(forger.place, forger.engine, "v2.0.0", operator=BOB)
    forger.promote("v2.0.0", "prod", artifact("v2.0.0"), operator="bob@home", operator_id="os:b")


def unlocked(forger: Forger) -> None:
    forger.unlock("prod")


RULES = guarded(
    approvals=Approvals(
        rules=(ApprovalRule("security", Names(["security"])), ApprovalRule("sre", Names(["sre"]))),
        escalation=Escalation(7200, Names(["managers"])),
        delegates=(Delegate("carol@acme.com", "bob@acme.com", LATER),),
    )
)
GLASS = guarded(
    approvals=Approvals(1), break_glass=BreakGlassRules(Names(["sre"]), review_seconds=3600)
)
CAROL_FOR = {"delegated_by": "carol@acme.com"}
PLAIN = path_of("dev", "staging", "prod")
ONE, TWO = guarded(approvals=Approvals(1)), guarded(approvals=Approvals(2))
CAROL = BOB.__class__("carol@acme.com", "slack:T1/U3", BOB.source, verified=True)
HOME = BOB.__class__("bob@home", "slack:T1/U2", BOB.source, verified=True)

CASES: dict[str, Case] = {
    "only tagged in the source": (
        only_tagged, PLAIN, "prod", ("source", 3),
        "Entry 3 of prod promotes v2.0.0 (sha256:",
    ),
    "past the source": (
        past_the_source, PLAIN, "prod", ("source", 3),
        "from none, but its policy sha256:",
    ),
    "back to a version that never arrived": (
        never_promoted, PLAIN, "prod", ("source", 3),
        "but no earlier entry promoted it",
    ),
    "rolled back in the source": (
        rolled_back, PLAIN, "prod", ("override", 3),
        "but entry 3 of staging rolled back from it at 2026-09-01 12:00:",
    ),
    "without approval": (
        no_approval, ONE, "prod", ("approval", 1), "promotes v1.0.0 with 0 approvals, but its",
    ),
    "too few approvals": (
        approved(approval(BOB)), TWO, "prod", ("approval", 1), "with 1 approval, but its policy",
    ),
    "two approvals for one rule": (
        approved(voted(BOB, "sre"), voted(CAROL, "sre")), RULES, "prod", ("approval", 1),
        "promotes v1.0.0 with 1 approval, but its policy",
    ),
    "escalated too early": (
        approved(voted(BOB, "sre"), voted(CAROL, "managers"), asked=LATER - HOUR), RULES, "prod",
        ("approval", 1), "promotes v1.0.0 with 1 approval, but its policy",
    ),
    "unknown delegate": (
        approved(voted(BOB, "sre", delegated_by="dave@acme.com"), voted(CAROL, "security")), RULES,
        "prod", ("approval", 1), "is approved by bob@acme.com for dave@acme.com, but its policy",
    ),
    "delegate and the person": (
        approved(voted(BOB, "sre", **CAROL_FOR), voted(CAROL, "security")), RULES, "prod",
        ("approval", 1), "is approved by bob@acme.com and by carol@acme.com, who are the same",
    ),
    "break-glass of another group": (
        broken_glass("group developers"), GLASS, "prod", ("approval", 1),
        "changes prod to v1.0.0 by break-glass (group developers), but its policy admits [sre]",
    ),
    "break-glass without a review in time": (
        broken_glass("group sre", 48 * HOUR), GLASS, "prod", ("approval", 1),
        "with a review until 2026-09-04 00:00 UTC, but its policy wants it within 3600 seconds",
    ),
    "break-glass that is not configured": (
        broken_glass("group sre"), ONE, "prod", ("approval", 1), "but its policy admits []",
    ),
    "approved by the requester": (
        approved(approval(ALICE)), ONE, "prod", ("approval", 1),
        "is approved by alice@acme.com, but alice@acme.com, who is the same person, requested it",
    ),
    "approved twice by one person": (
        approved(approval(BOB), approval(HOME)), TWO, "prod", ("approval", 1),
        "is approved by bob@acme.com and by bob@home, who are the same person",
    ),
    "approved before the request": (
        approved(approval(BOB, LATER - 3 * HOUR), asked=LATER - HOUR), ONE, "prod",
        ("approval", 1), "before the request of 2026-09-01 23:00:00 UTC",
    ),
    "approved after the record": (
        approved(approval(BOB, LATER + 2 * HOUR)), ONE, "prod", ("approval", 1),
        "after it was recorded at 2026-09-02 00:00:00 UTC",
    ),
    "time runs backwards": (
        backwards, PLAIN, "staging", ("time", 4),
        "is of 2026-09-01 09:00:00 UTC, but entry 3 before it is of 2026-09-01 12:00:",
    ),
    "requested after the record": (
        asked_later, PLAIN, "staging", ("time", 4),
        "but was requested at 2026-09-02 02:00:00 UTC",
    ),
    "tag of another version": (
        other_tag, PLAIN, "staging", ("name", 4),
        "promotes v1.2.0, but has the tag v1.3.0-staging and not v1.2.0-staging",
    ),
    "tag of a promotion": (
        rollback_under_a_promotion_tag, PLAIN, "staging",
        ("name", 4), "rolls back to v1.1.0, but has the tag v1.1.0-staging and not",
    ),
    "no version": (
        no_version, PLAIN, "staging", ("name", 4),
        "which names no version",
    ),
    "other content": (
        other_content, PLAIN, "staging", ("name", 4),
        "promotes v1.1.0 as sha256:",
    ),
    "locked": (
        while_locked, PLAIN, "staging", ("locked", 5),
        "but staging was locked by alice@acme.com since 2026-09-02 00:00:00 UTC: forged",
    ),
    "forward while locked": (
        forward_while_locked, PLAIN, "staging", ("locked", 5),
        "which was promoted after the running v1.0.0, but staging was locked by",
    ),
    "locked twice": (
        locked_twice, PLAIN, "staging", ("locked", 5),
        "locks staging, which was already locked by alice@acme.com",
    ),
    "locked by the manifest": (
        no_approval, guarded(fixed_lock=FixedLock("audit", "carol")), "prod", ("locked", 1),
        "but prod was locked by carol: audit",
    ),
    "lock of the manifest": (
        unlocked, guarded(fixed_lock=FixedLock("audit", "carol")), "prod", ("locked", 1),
        "unlocks prod, but its manifest locks it: audit",
    ),
    "older version": (
        older, PLAIN, "staging", ("override", 4),
        "promotes v0.9.0, which precedes the running v1.0.0",
    ),
    "other previous version": (
        other_previous, PLAIN, "staging", ("altered", 4),
        "names v6.6.6 (sha256:666666666666) as the version that ran, but the entry before it has",
    ),
    "one person": (
        same_person, guarded(authorization=DUTIES, approvals=Approvals(0)), "prod",
        ("duties", 3), "but bob@acme.com, the same person, promoted it to staging in entry 4",
    ),
}  # fmt: skip
