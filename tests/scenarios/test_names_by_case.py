"""Names that differ only by case or Unicode form are one person and one group in every rule."""

from pathlib import Path

import pytest

from engine.domain.change import ChangeState
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.errors import AuthorizationError, SeparationOfDutiesError
from engine.domain.identity import Claims, Directory
from engine.domain.operator import IdentitySource, Operator
from engine.domain.rights import Rights
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import APPROVERS, guarded, stage_on
from tests.scenarios.engines import engine_on, path_of, promote
from tests.scenarios.verbs import build_and_promote, lock, unlock, unlock_of


def from_issuer(issuer: str, email: str, *groups: str) -> Operator:
    """A person with a verified e-mail address, in the spelling of `issuer`."""
    claims = Claims(
        f"oidc:https://{issuer}.example.com#7",
        IdentitySource.OIDC,
        True,
        (email,),
        frozenset(groups),
    )
    return Directory().operator(claims)


LOWER = from_issuer("one", "zoé@acme.com")
UPPER = from_issuer("two", "ZOE\u0301@Acme.com")


@pytest.mark.requirement("FR-050")
def test_another_spelling_does_not_bypass_separation_of_duties(
    place: Place, tmp_path: Path
) -> None:
    prod = Environment("prod", authorization=Authorization(separation_of_duties=True))
    with engine_on(place.registry, tmp_path, path_of("dev", "staging", prod)) as engine:
        build_and_promote(place, engine, "v1.0.0", operator=LOWER)

        result = promote(engine, "v1.0.0", "prod", UPPER)

    assert isinstance(result.error, SeparationOfDutiesError)


@pytest.mark.requirement("SL-003")
def test_another_spelling_does_not_approve_its_own_change(place: Place, tmp_path: Path) -> None:
    rules = Environment(
        "staging", authorization=Authorization(), approvals=Approvals(1, None, 3600)
    )
    with stage_on(place, tmp_path, path_of("dev", rules, "prod")) as stage:
        place.push(image(b"one"), "v1.0.0-dev")
        asked = stage.ask(who="zoé@acme.com")

        with pytest.raises(AuthorizationError, match="requested"):
            stage.approve(asked, "ZOÉ@acme.com")


@pytest.mark.requirement("SL-003")
def test_another_spelling_does_not_approve_twice(place: Place, tmp_path: Path) -> None:
    with stage_on(place, tmp_path, path_of("dev", guarded(required=2), "prod")) as stage:
        place.push(image(b"one"), "v1.0.0-dev")
        asked = stage.ask()
        stage.approve(asked, "bob")

        with pytest.raises(AuthorizationError, match="already"):
            stage.approve(asked, "Bob")


@pytest.mark.requirement("FR-046")
@pytest.mark.parametrize(
    "rules",
    [
        Authorization(allowed_operators=frozenset({"Zoé@ACME.com"})),
        Authorization(allowed_groups=frozenset({"release managers"})),
    ],
)
def test_rules_match_names_and_groups_in_any_spelling(
    place: Place, tmp_path: Path, rules: Authorization
) -> None:
    path = path_of("dev", Environment("staging", authorization=rules))
    with engine_on(place.registry, tmp_path, path) as engine:
        place.push(image(b"one"), "v1.0.0-dev")

        asker = from_issuer("x", "zoé@acme.com", "Release Managers")
        result = promote(engine, "v1.0.0", "staging", asker)

    assert result.error is None


@pytest.mark.requirement("SL-003")
def test_approvers_match_groups_in_any_spelling(place: Place, tmp_path: Path) -> None:
    rules = guarded(groups=frozenset({APPROVERS.title()}))
    with stage_on(place, tmp_path, path_of("dev", rules, "prod")) as stage:
        place.push(image(b"one"), "v1.0.0-dev")
        decided = stage.approve(stage.ask())

        assert stage.settle(decided).state is ChangeState.PROMOTED


@pytest.mark.requirement("FR-046")
def test_holder_unlocks_in_another_spelling(place: Place, tmp_path: Path) -> None:
    rules = Authorization(allowed_groups=frozenset({"sre"}))
    path = path_of("dev", Environment("staging", authorization=rules))
    lockers = Rights.of((), people=(), lockers=[LOWER.name])
    with engine_on(place.registry, tmp_path, path, rights=lockers) as engine:
        lock(engine, operator=LOWER)

        result = unlock(engine, operator=UPPER)

    assert unlock_of(result).authorized_via == "who locked"
