"""Requests of a machine without memory in a ledger of 10,000 records."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from engine.adapters.ledger.encoding import decode, encode, head_tag, sequence_tag
from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag, Version
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import SeparationOfDutiesError
from engine.domain.ledger import ChainEnd, LedgerEntry, draft_after
from engine.domain.manifest import Manifest
from tests.builders import image
from tests.domain.records import AT, a_promotion
from tests.peers.fake_registry import FakeRegistry, Repository
from tests.scenarios.engines import ALICE, BOB, engine_on, path_of, promote

pytestmark = pytest.mark.requirement("FR-051")
REPOSITORY = "acme/platform"
RECORDS = 10_000
FIRST = image(b"v1.0.1")
PROD = Environment("prod", authorization=Authorization(None, None, True))
DUTIES = path_of("dev", "staging", PROD)


@dataclass(frozen=True)
class LongLedger:
    """A registry whose staging had `RECORDS` promotions by Alice, of v1.0.1 first."""

    fake: FakeRegistry
    registry: DistributionRegistry

    def requests(self, act: Callable[[RegistryLedger], object]) -> int:
        """Count the requests of `act` with a ledger that knows nothing."""
        self.fake.requests.clear()
        act(RegistryLedger(self.registry))
        return len(self.fake.requests)


def entries(reference: str) -> Iterator[LedgerEntry]:
    written: list[LedgerEntry] = []
    for number in range(1, RECORDS + 1):
        digest = str(FIRST.manifest.digest) if number == 1 else f"sha256:{number:064x}"
        record = a_promotion(
            artifact_digest=digest,
            version=f"v1.0.{number}",
            artifact_tag=f"v1.0.{number}-staging",
            source_environment="dev",
            target_environment="staging",
            operator=ALICE.name,
            operator_id=ALICE.id,
            promoted_at=AT + timedelta(seconds=number),
            repository=reference,
        )
        end = ChainEnd(written[-1] if written else None)
        draft = draft_after(end, record, None, lambda link: written[link.sequence - 1])
        written.append(decode(encode(draft)[0], record))
        yield written[-1]


def hold(repository: Repository, manifest: Manifest, *tags: Tag) -> None:
    digest = str(manifest.digest)
    repository.manifests[digest] = (manifest.content, manifest.media_type)
    for tag in tags:
        repository.tags[str(tag)] = digest


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as running:
        repository = running.repository(REPOSITORY)
        last = None
        for last in entries(f"{running.host}/{REPOSITORY}"):
            hold(repository, last.manifest, sequence_tag("staging", last.sequence))
        assert last is not None
        hold(repository, last.manifest, head_tag("staging"))
        running.hold(REPOSITORY, FIRST, "v1.0.1-staging")
        running.hold(REPOSITORY, FIRST, "v1.0.1-dev")
        yield running


@pytest.fixture
def long(fake: FakeRegistry, opened: Callable[..., DistributionRegistry]) -> LongLedger:
    return LongLedger(fake, opened(fake.host, REPOSITORY))


def test_promotion_of_a_digest_is_found_in_few_requests(long: LongLedger) -> None:
    def find(ledger: RegistryLedger) -> None:
        head = ledger.head("staging")
        assert head is not None
        found = ledger.find_promotion(head, FIRST.manifest.digest)
        assert found is not None
        assert found.sequence == 1

    assert long.requests(find) <= 2 + 8


def test_absence_of_a_digest_or_version_is_proven_in_few_requests(long: LongLedger) -> None:
    def find(ledger: RegistryLedger) -> None:
        head = ledger.head("staging")
        assert head is not None
        assert ledger.find_promotion(head, Digest.of(b"never promoted")) is None
        assert ledger.find_arrival(head, Version("v1.0.1-rc.1")) is None

    assert long.requests(find) <= 2 + 2 * 8


def test_newest_records_are_read_in_few_requests(long: LongLedger) -> None:
    assert long.requests(lambda ledger: ledger.history("staging", 10)) <= 12


def test_end_is_found_without_the_head_tag(long: LongLedger) -> None:
    repository = long.fake.repository(REPOSITORY)
    hint = repository.tags.pop("floe-head.staging")
    # The list of 10,000 tags has several pages.
    try:

        def find(ledger: RegistryLedger) -> None:
            head = ledger.head("staging")
            assert head is not None
            assert str(head.digest) == hint

        assert long.requests(find) <= 20
    finally:
        repository.tags["floe-head.staging"] = hint


def test_duties_are_judged_in_few_requests(long: LongLedger, tmp_path: Path) -> None:
    with engine_on(long.registry, tmp_path, DUTIES) as engine:
        long.fake.requests.clear()
        same = promote(engine, "v1.0.1", "prod", ALICE)
        requests = len(long.fake.requests)

        other = promote(engine, "v1.0.1", "prod", BOB)

    assert isinstance(same.error, SeparationOfDutiesError)
    assert other.error is None
    assert requests <= 30
