"""The person who promoted an artifact into an environment cannot promote it into the next."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.api import Engine
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import (
    RegistryError,
    SeparationOfDutiesError,
)
from engine.domain.finding import Outcome
from engine.domain.result import Result
from tests.conftest import Place
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.engines import ALICE, BOB, engine_on, path_of, promote
from tests.scenarios.shaky import Shaky, shaky_engine
from tests.scenarios.verbs import artifact, build_and_promote, roll_back

DUTIES = Authorization(separation_of_duties=True)
PATH = path_of("dev", "staging", Environment("prod", authorization=DUTIES))


@pytest.fixture
def engine(place: Place, tmp_path: Path) -> Iterator[Engine]:
    """Duties are separated on the way to prod."""
    with engine_on(place.registry, tmp_path, PATH) as built:
        yield built


def violation(result: Result) -> str:
    assert isinstance(result.error, SeparationOfDutiesError)
    assert result.error.exit_code == 12
    return str(result.error)


def duties(result: Result) -> Outcome:
    found = [f for f in result.plan.findings if f.check == "separation_of_duties"]
    return found[0].outcome


@pytest.mark.requirement("FR-050")
@pytest.mark.requirement("FR-051")
def test_same_person_cannot_promote_onward_and_another_can(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", operator=ALICE)

    same = promote(engine, "v1.0.0", "prod", ALICE)
    other = promote(engine, "v1.0.0", "prod", BOB)

    assert violation(same) == (
        "Separation of duties violation: Operator 'alice@acme.com' promoted this artifact to "
        "staging and cannot also promote to prod"
    )
    assert same.record is None
    assert other.error is None


@pytest.mark.requirement("FR-051")
def test_another_version_of_the_same_content_is_the_same_artifact(
    place: Place, engine: Engine
) -> None:
    build_and_promote(place, engine, "v1.0.0", operator=BOB)
    place.push(artifact("v1.0.0"), "v1.0.1-dev")
    promote(engine, "v1.0.1", "staging", ALICE)

    newest = promote(engine, "v1.0.0", "prod", ALICE)
    older = promote(engine, "v1.0.0", "prod", BOB)

    assert violation(newest)
    assert older.error is None


@pytest.mark.requirement("FR-051")
def test_rollbacks_do_not_change_the_promoter(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", operator=ALICE)
    build_and_promote(place, engine, "v1.1.0", operator=BOB)
    roll_back(engine, "v1.0.0", operator=BOB)

    assert violation(promote(engine, "v1.0.0", "prod", ALICE))
    assert promote(engine, "v1.0.0", "prod", BOB).error is None


class TestFirstEnvironment:
    PATH = path_of("dev", Environment("staging", authorization=DUTIES))

    @pytest.fixture
    def engine(self, place: Place, tmp_path: Path) -> Iterator[Engine]:
        with engine_on(place.registry, tmp_path, self.PATH) as built:
            yield built

    @pytest.mark.requirement("FR-051")
    def test_build_tag_has_no_promoter(self, place: Place, engine: Engine) -> None:
        place.push(artifact("v1.0.0"), "v1.0.0-dev")

        result = promote(engine, "v1.0.0", "staging", ALICE)

        assert result.error is None
        assert duties(result) is Outcome.SKIPPED

    @pytest.mark.requirement("FR-051")
    def test_promoter_into_the_first_environment_cannot_promote_out_of_it(
        self, place: Place, engine: Engine
    ) -> None:
        place.push(artifact("v1.0.0"), "v1.0.0")
        assert promote(engine, "v1.0.0", "dev", ALICE).error is None

        same = promote(engine, "v1.0.0", "staging", ALICE)
        other = promote(engine, "v1.0.0", "staging", BOB)

        assert violation(same)
        assert other.error is None


@pytest.fixture
def shaky(fake: FakeRegistry, tmp_path: Path) -> Iterator[Shaky]:
    with shaky_engine(fake, tmp_path, PATH) as running:
        yield running


@pytest.mark.requirement("FR-051")
@pytest.mark.parametrize("reply", [Reply(403), Reply(500)])
def test_unreadable_history_is_a_refusal(shaky: Shaky, reply: Reply) -> None:
    build_and_promote(shaky.place, shaky.engine, "v1.0.0", operator=BOB)
    before = dict(shaky.content.tags)
    shaky.fake.always("GET", r"/manifests/floe-head\.staging$", reply)

    with pytest.raises(RegistryError):
        promote(shaky.engine, "v1.0.0", "prod", ALICE)

    assert shaky.content.tags == before


@pytest.mark.requirement("FR-051")
@pytest.mark.parametrize("reply", [Reply(404), Reply(200, b"{}"), Reply(200, b"no")], ids=repr)
def test_promoter_is_found_without_the_head_tag(shaky: Shaky, reply: Reply) -> None:
    build_and_promote(shaky.place, shaky.engine, "v1.0.0", operator=ALICE)
    media_type = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    answer = Reply(reply.status, reply.body, media_type)
    shaky.fake.always("GET", r"/manifests/floe-head\.staging$", answer)

    assert violation(promote(shaky.engine, "v1.0.0", "prod", ALICE))
