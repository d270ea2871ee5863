"""The first change under looser rules warns about each of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.api import Engine
from engine.config.digests import policy_document
from engine.config.ledger import Ledger
from engine.config.people import Identity
from engine.config.plugins import Policy
from engine.domain.change import ChangeState
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.path import PromotionPath
from engine.domain.plan import GateMode
from engine.domain.policy_document import PolicyDocument, policy_tag
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.rights import Rights
from tests.builders import image
from tests.conftest import Place
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.audited import lock, unlock
from tests.scenarios.changing import guarded, stage_on
from tests.scenarios.engines import (
    DEFAULT_PATH,
    ProgressLog,
    engine_on,
    path_of,
    policy_of,
    promote,
    promotion,
)
from tests.scenarios.tampering import Hand
from tests.scenarios.verbs import artifact, build_and_promote, roll_back

DUTIES = Authorization(separation_of_duties=True)
STRICT = path_of("dev", Environment("staging", authorization=DUTIES), "prod")
OPEN = path_of("dev", Environment("staging", authorization=Authorization()), "prod")
LOOSER = (
    "The rules of staging became looser since the record staging#1: "
    "authorization.separation_of_duties goes from true to false"
)


def promoted_under(place: Place, folder: Path, path: PromotionPath) -> None:
    """Promote v1.0.0 to staging under the rules of `path`, and build v2.0.0."""
    with engine_on(place.registry, folder, path) as engine:
        build_and_promote(place, engine, "v1.0.0")
    place.push(artifact("v2.0.0"), "v2.0.0-dev")


def warnings(engine: Engine, version: str = "v2.0.0", target: str = "staging") -> tuple[str, ...]:
    return engine.plan(promotion(engine, version, target), ProgressLog()).warnings


def test_dry_run_and_record_show_each_looser_rule(place: Place, tmp_path: Path) -> None:
    promoted_under(place, tmp_path, STRICT)
    with engine_on(place.registry, tmp_path, OPEN) as engine:
        asked = promotion(engine, "v2.0.0", "staging")

        dry = engine.plan(asked, ProgressLog(), GateMode.LIST)
        result = promote(engine, "v2.0.0", "staging")

    assert dry.warnings == (LOOSER,)
    assert isinstance(result.record, PromotionRecord)
    assert result.record.warnings == (LOOSER,)
    assert result.warnings == (LOOSER,)


def test_second_change_under_the_same_rules_does_not_warn(place: Place, tmp_path: Path) -> None:
    promoted_under(place, tmp_path, STRICT)
    with engine_on(place.registry, tmp_path, OPEN) as engine:
        promote(engine, "v2.0.0", "staging")
        place.push(artifact("v3.0.0"), "v3.0.0-dev")

        assert warnings(engine, "v3.0.0") == ()


def test_other_records_do_not_hide_looser_rules(place: Place, tmp_path: Path) -> None:
    promoted_under(place, tmp_path, STRICT)
    with engine_on(place.registry, tmp_path, OPEN) as engine:
        lock(engine)
        unlock(engine)

        result = promote(engine, "v2.0.0", "staging")

    assert result.warnings == (LOOSER,)


def test_lock_and_unlock_after_a_warning_do_not_repeat_it(place: Place, tmp_path: Path) -> None:
    promoted_under(place, tmp_path, STRICT)
    with engine_on(place.registry, tmp_path, OPEN) as engine:
        promote(engine, "v2.0.0", "staging")
        place.push(artifact("v3.0.0"), "v3.0.0-dev")
        lock(engine)
        unlock(engine)

        assert warnings(engine, "v3.0.0") == ()


def test_stricter_rules_cause_no_warning(place: Place, tmp_path: Path) -> None:
    promoted_under(place, tmp_path, OPEN)
    with engine_on(place.registry, tmp_path, STRICT) as engine:
        assert warnings(engine) == ()


def test_rules_of_another_environment_cause_no_warning(place: Place, tmp_path: Path) -> None:
    strict = path_of("dev", "staging", Environment("prod", approvals=Approvals(required=1)))
    promoted_under(place, tmp_path, strict)
    with engine_on(place.registry, tmp_path) as engine:
        assert warnings(engine) == ()


def test_rules_of_the_whole_product_concern_each_environment(place: Place, tmp_path: Path) -> None:
    place.push(artifact("v2.0.0"), "v2.0.0-dev")
    with engine_on(place.registry, tmp_path, path_of("dev", "qa", "staging", "prod")) as engine:
        lock(engine)
        unlock(engine)
    with engine_on(place.registry, tmp_path) as engine:
        (warning,) = warnings(engine)

    assert warning.endswith("to [dev, staging, prod] (removes qa before staging)")


def with_people(identity: Identity) -> PolicyDocument:
    admitted = Environment("prod", authorization=Authorization(frozenset({"sre"})))
    return policy_document(path_of("dev", "staging", admitted), (), None, identity, Ledger())


@pytest.mark.parametrize(
    ("group", "identity", "warns"),
    [
        ("testers", {}, False),
        ("sre", {}, True),
        ("testers", {"lockers": ("Testers",)}, True),
        ("testers", {"roles": ({"role": "approver", "groups": ["testers"]},)}, True),
        # The document of the rules does not have the operators.
        ("testers", {"operators": ("Testers",)}, True),
    ],
)
def test_members_of_a_group_are_a_rule_if_a_rule_names_it(
    group: str, identity: dict[str, Any], warns: bool, place: Place, tmp_path: Path
) -> None:
    before, after = (
        with_people(Identity.model_validate({**identity, "groups": groups}))
        for groups in ({}, {group: ("eve@acme.com",)})
    )
    with engine_on(place.registry, tmp_path, policy=before) as engine:
        build_and_promote(place, engine, "v1.0.0")
    place.push(artifact("v2.0.0"), "v2.0.0-dev")
    rights = Rights.of((), people=(), operators=identity.get("operators", ()))
    with engine_on(place.registry, tmp_path, policy=after, rights=rights) as engine:
        found = warnings(engine)

    assert [f"identity.groups.{group} goes from" in each for each in found] == [True] * warns


def test_rollback_warns_too(place: Place, tmp_path: Path) -> None:
    promoted_under(place, tmp_path, OPEN)
    with engine_on(place.registry, tmp_path, STRICT) as engine:
        promote(engine, "v2.0.0", "staging")
    with engine_on(place.registry, tmp_path, OPEN) as engine:
        record = roll_back(engine, "v1.0.0").record

    assert isinstance(record, RollbackRecord)
    assert record.warnings == (LOOSER.replace("#1", "#2"),)


def test_lost_document_is_a_warning(layout: Place, tmp_path: Path) -> None:
    promoted_under(layout, tmp_path, STRICT)
    Hand(layout).remove_blob(str(policy_tag(policy_of(STRICT).digest)))
    with engine_on(layout.registry, tmp_path, OPEN) as engine:
        (warning,) = warnings(engine)
        result = promote(engine, "v2.0.0", "staging")

    assert warning.startswith(
        "The rules of staging changed since the record staging#1, and the earlier rules "
        "cannot be read: "
    )
    assert result.error is None


def test_many_looser_rules_are_summarized(place: Place, tmp_path: Path) -> None:
    rules = tuple(Policy(name=f"rule-{number}", rule="true") for number in range(25))
    strict = policy_document(DEFAULT_PATH, rules, None, Identity(), Ledger())
    with engine_on(place.registry, tmp_path, policy=strict) as engine:
        build_and_promote(place, engine, "v1.0.0")
    place.push(artifact("v2.0.0"), "v2.0.0-dev")
    with engine_on(place.registry, tmp_path) as engine:
        found = warnings(engine)

    assert len(found) == 21
    assert found[0].endswith("staging#1: artifacts.promotion.policies.rule-0 is removed")
    assert found[-1].endswith("staging#1: 5 more rules")


def test_documents_are_read_once_and_only_after_a_change_of_the_rules(
    fake: FakeRegistry,
    opened,  # type: ignore[no-untyped-def]
    tmp_path: Path,
) -> None:
    for version in ("v1.0.0", "v2.0.0"):
        fake.hold("acme/platform", image(version.encode()), f"{version}-dev")
    with engine_on(opened(fake.host), tmp_path, STRICT) as engine:
        promote(engine, "v1.0.0", "staging")
        before = len(fake.requests)
        warnings(engine)
        unchanged = len(fake.requests) - before
    with engine_on(opened(fake.host), tmp_path, OPEN) as engine:
        before = len(fake.requests)
        warnings(engine)
        read = fake.requests[before:]
        before = len(fake.requests)
        warnings(engine)
        again = fake.requests[before:]

    document = policy_of(STRICT).digest
    assert len(again) == unchanged
    assert [each.path for each in read if document in each.path] != []
    assert [each.path for each in again if document in each.path] == []


def test_approver_sees_each_looser_rule(place: Place, tmp_path: Path) -> None:
    strict = guarded()
    duties = replace(strict, authorization=replace(strict.authorization, separation_of_duties=True))
    for version in ("v1.0.0", "v2.0.0"):
        place.push(artifact(version), f"{version}-dev")
    with stage_on(place, tmp_path, path_of("dev", duties, "prod")) as stage:
        done = stage.settle(stage.approve(stage.ask("v1.0.0")))
        assert done.state is ChangeState.PROMOTED

    with stage_on(place, tmp_path, path_of("dev", strict, "prod")) as stage:
        waiting = stage.ask("v2.0.0")
        done = stage.settle(stage.approve(waiting))

    assert waiting.state is ChangeState.AWAITING_APPROVAL
    assert len(waiting.warnings) == 1
    assert waiting.warnings[0].endswith("separation_of_duties goes from true to false")
    assert done.state is ChangeState.PROMOTED
    assert done.warnings == waiting.warnings
