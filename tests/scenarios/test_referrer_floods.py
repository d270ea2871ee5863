"""Thousands of foreign referrers cause bounded work and hide no record."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.ledger.encoding import artifact_type
from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import RegistryAnswerError, SeparationOfDutiesError
from engine.domain.ledger import ChainEnd
from engine.domain.manifest import Manifest
from engine.domain.record import RollbackRecord
from tests.builders import Artifact, image, index, referrer
from tests.conftest import Place
from tests.domain.records import a_promotion
from tests.peers import raw
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import Behaviour, FakeRegistry
from tests.scenarios.engines import ALICE, BOB, engine_on, path_of, promote
from tests.scenarios.verbs import artifact, build_and_promote, roll_back
from tests.secondaries.mirrors import mirror_to

REPOSITORY = "acme/platform"
MANY = 8000
PROMOTION = artifact_type("promotion")
Opened = Callable[..., DistributionRegistry]


@pytest.fixture
def api(opened: Opened) -> Iterator[FakeRegistry]:
    """A registry with the referrers API, whose listings carry no annotations."""
    with FakeRegistry(Behaviour(referrers_api=True, sends_oci_subject=True)) as running:
        yield running


@pytest.fixture
def registry(api: FakeRegistry, opened: Opened) -> DistributionRegistry:
    return opened(api.host, REPOSITORY)


@pytest.fixture
def place(api: FakeRegistry, registry: DistributionRegistry) -> Place:
    return Place(registry, lambda pushed, tag: api.hold(REPOSITORY, pushed, tag))


@pytest.fixture
def engine(registry: DistributionRegistry, tmp_path: Path) -> Iterator[Engine]:
    with engine_on(registry, tmp_path) as made:
        yield made


def push_forged(
    registry: DistributionRegistry, subject: Artifact, count: int, kind: str = PROMOTION
) -> list[Artifact]:
    """Push copies of the record at the head of staging that differ only in a number."""
    head = registry.fetch(Tag("floe-head.staging"))
    assert head is not None
    annotations = json.loads(head.content)["annotations"]
    return [
        referrer(subject.manifest, kind, b"forged", annotations | {"number": str(number)})
        for number in range(count)
    ]


def flood(api: FakeRegistry, registry: DistributionRegistry, subject: Artifact, kind: str) -> None:
    repository = api.repository(REPOSITORY)
    made = {
        str(each.manifest.digest): (each.manifest.content, each.manifest.media_type)
        for each in push_forged(registry, subject, MANY, kind)
    }
    # Listed before those of floe, whose records must be found in any order.
    repository.manifests = made | repository.manifests


def test_real_promotion_is_found_among_thousands_of_forged_ones(
    api: FakeRegistry, registry: DistributionRegistry, place: Place, engine: Engine
) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    flood(api, registry, artifact("v1.0.0"), PROMOTION)
    before = len(api.requests)

    result = promote(engine, "v1.0.0", "prod")

    assert result.error is None
    assert len(api.requests) - before < 1000


def test_forged_rollbacks_do_not_change_the_number_of_the_next_one(
    api: FakeRegistry, registry: DistributionRegistry, place: Place, engine: Engine
) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    flood(api, registry, artifact("v1.0.0"), artifact_type("rollback"))
    before = len(api.requests)

    result = roll_back(engine, "v1.0.0")

    assert isinstance(result.record, RollbackRecord)
    assert result.record.artifact_tag == "v1.0.0-staging-rollback-1"
    assert len(api.requests) - before < 40


@pytest.mark.requirement("FR-051")
@pytest.mark.parametrize("listed", ["emptied", "flooded"])
def test_promoter_is_found_behind_250_records_without_the_referrers_index(
    api: FakeRegistry, registry: DistributionRegistry, place: Place, tmp_path: Path, listed: str
) -> None:
    duties = Environment("prod", authorization=Authorization(None, None, True))
    path = path_of("dev", "staging", duties)
    with engine_on(registry, tmp_path, path) as engine:
        build_and_promote(place, engine, "v1.0.0", "v1.1.0", operator=ALICE)
        lengthen(registry, RegistryLedger(registry), 250)
        if listed == "flooded":
            flood(api, registry, artifact("v1.0.0"), PROMOTION)
        else:
            api.always("GET", "/referrers/", Reply(200, b'{"manifests": []}'))
        before = len(api.requests)

        same = promote(engine, "v1.0.0", "prod", ALICE)
        requests = len(api.requests) - before
        other = promote(engine, "v1.0.0", "prod", BOB)

    assert isinstance(same.error, SeparationOfDutiesError)
    assert other.error is None
    assert requests < 30


def lengthen(registry: DistributionRegistry, ledger: RegistryLedger, count: int) -> None:
    """Add promotions of other artifacts into staging."""
    head = ledger.head("staging")
    for number in range(count):
        record = a_promotion(
            artifact_digest=f"sha256:{number:064x}",
            version=f"v9.0.{number}",
            target_environment="staging",
            repository=registry.reference,
        )
        registry.open_upload().finish(record.to_bytes())
        head, _ = ledger.prepare(ChainEnd(head), record, None)
        ledger.create(head)
    assert head is not None
    ledger.point_head(head)


def test_flood_in_the_fallback_index_hides_nothing(
    registry_host: str, repository: str, opened: Opened, tmp_path: Path
) -> None:
    sent: list[str] = []
    registry = opened(registry_host, repository, on_request=lambda _, path: sent.append(path))
    place = Place(registry, lambda pushed, tag: raw.push(registry_host, repository, pushed, tag))
    with engine_on(registry, tmp_path) as engine:
        build_and_promote(place, engine, "v1.0.0", "v1.1.0")
        tag = Tag(f"sha256-{artifact('v1.0.0').manifest.digest.hex}")
        listing = registry.fetch(tag)
        assert listing is not None
        made = push_forged(registry, artifact("v1.0.0"), 220)
        raw.push(registry_host, repository, made[0])
        for each in made[1:]:
            digest = str(each.manifest.digest)
            raw.put_manifest(registry_host, repository, each.manifest, digest)
        document = json.loads(index(*made).manifest.content)
        document["manifests"] += json.loads(listing.content)["manifests"]
        flooded = Manifest(json.dumps(document).encode(), listing.media_type)
        raw.put_manifest(registry_host, repository, flooded, str(tag))
        sent.clear()

        assert promote(engine, "v1.0.0", "prod").error is None
        assert len(sent) < 700


def test_copy_skips_referrers_when_there_are_too_many(
    api: FakeRegistry, registry: DistributionRegistry, opened: Opened
) -> None:
    subject = image(b"flooded")
    api.hold(REPOSITORY, subject, "v1.0.0")
    for number in range(2001):
        api.hold(REPOSITORY, referrer(subject.manifest, "application/x", b"%d" % number))
    target = opened(api.host, "acme/mirror")

    with pytest.raises(RegistryAnswerError, match="more than 2000 manifests"):
        mirror_to(registry, target).copy(subject.manifest)

    assert len(api.seen("GET", "/manifests/sha256:")) == 0
