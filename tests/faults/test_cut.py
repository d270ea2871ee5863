"""A promotion whose connection dies at any write is completed by repeating the command."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.audit import RemarkKind
from engine.domain.errors import RegistryError
from engine.domain.record import PromotionRecord
from engine.domain.result import Ending, Result
from engine.domain.status import Alignment
from tests.builders import image
from tests.peers.fake_http import Cut
from tests.peers.fake_registry import Behaviour, FakeRegistry, Repository, oci_error
from tests.scenarios.engines import BOB, ProgressLog, engine_on, promote
from tests.scenarios.shaky import SOON
from tests.scenarios.verbs import lock, roll_back

REPOSITORY = "acme/platform"
OLD, NEW = image(b"old"), image(b"new")
FALLBACK = Behaviour()
API = Behaviour(referrers_api=True, sends_oci_subject=True)
# Upload, environment tag, blob, entry, head and latest; and the referrers index without the API.
WRITES = [(FALLBACK, number) for number in range(1, 8)] + [(API, number) for number in range(1, 7)]
IMMUTABLE = Behaviour(
    immutable=oci_error(400, "TAG_INVALID", "the tag is immutable"),
    protects=lambda tag: tag.startswith("floe-ledger.") or tag.endswith("0-staging"),
)
Opener = Callable[..., DistributionRegistry]


@contextmanager
def prepared(behaviour: Behaviour, opened: Opener, folder: Path) -> Iterator[FakeRegistry]:
    """A registry with v1.0.0 in staging and v2.0.0 in dev."""
    with FakeRegistry(behaviour) as fake:
        fake.hold(REPOSITORY, OLD, "v1.0.0-dev")
        fake.hold(REPOSITORY, NEW, "v2.0.0-dev")
        with engine_on(opened(fake.host), folder) as engine:
            promote(engine, "v1.0.0", "staging")
        fake.requests.clear()
        yield fake


@contextmanager
def restarted(fake: FakeRegistry, opened: Opener, folder: Path) -> Iterator[Engine]:
    """Open an engine without the memory of earlier processes and with short timeouts."""
    with engine_on(opened(fake.host, pauses=SOON), folder) as engine:
        yield engine


def listed(fake: FakeRegistry) -> list[str]:
    """List the records that another client finds attached to v2.0.0."""
    repository = fake.repository(REPOSITORY)
    if fake.behaviour.referrers_api:
        found = [
            digest
            for digest, (content, _) in repository.manifests.items()
            if json.loads(content).get("subject", {}).get("digest") == str(NEW.manifest.digest)
        ]
    else:
        index = repository.manifests[repository.tags[f"sha256-{NEW.manifest.digest.hex}"]]
        found = [entry["digest"] for entry in json.loads(index[0])["manifests"]]
    return found


def assert_as_if_undisturbed(engine: Engine, fake: FakeRegistry, before: Repository) -> None:
    repository = fake.repository(REPOSITORY)
    new = str(NEW.manifest.digest)
    assert repository.tags["v2.0.0-staging"] == repository.tags["latest-staging"] == new
    head = repository.tags["floe-head.staging"]
    assert repository.tags["floe-ledger.staging.2"] == head
    assert repository.tags.keys() - before.tags.keys() <= {
        "v2.0.0-staging",
        "floe-ledger.staging.2",
        f"sha256-{NEW.manifest.digest.hex}",
    }
    assert before.manifests.keys() <= repository.manifests.keys()
    # The session of an abandoned upload may end; existing content must stay.
    assert [r for r in fake.seen("DELETE") if "/blobs/uploads/" not in r.path] == []
    newest, oldest = engine.history("staging")
    assert isinstance(newest.record, PromotionRecord)
    assert (str(newest.digest), newest.record.version) == (head, "v2.0.0")
    assert newest.previous == oldest.digest
    assert listed(fake) == [head]
    assert engine.status()[1].alignment is Alignment.ALIGNED


@pytest.mark.requirement("NFR-004")
@pytest.mark.parametrize("when", Cut)
@pytest.mark.parametrize(("behaviour", "number"), WRITES)
def test_promotion_killed_at_a_write_is_completed_by_the_next_process(
    behaviour: Behaviour, number: int, when: Cut, opened: Opener, tmp_path: Path
) -> None:
    with prepared(behaviour, opened, tmp_path) as fake:
        repository = fake.repository(REPOSITORY)
        before = Repository(manifests=dict(repository.manifests), tags=dict(repository.tags))
        fake.cut_write(number, when, then_gone=True)
        # Only if the last write is the one that lists the record, every effect is already in place.
        with restarted(fake, opened, tmp_path) as engine, suppress(RegistryError):
            promote(engine, "v2.0.0", "staging")
        fake.back()

        with restarted(fake, opened, tmp_path) as engine:
            again = promote(engine, "v2.0.0", "staging")
            once_more = promote(engine, "v2.0.0", "staging")

            assert again.error is None
            assert_as_if_undisturbed(engine, fake, before)
        assert (once_more.outcome, once_more.warnings) == (Ending.UNCHANGED, ())
        assert once_more.record == again.record


@pytest.mark.requirement("NFR-004")
@pytest.mark.parametrize("when", Cut)
@pytest.mark.parametrize("number", range(1, 8))
def test_one_broken_connection_is_retried(
    number: int, when: Cut, opened: Opener, tmp_path: Path
) -> None:
    with prepared(FALLBACK, opened, tmp_path) as fake:
        repository = fake.repository(REPOSITORY)
        before = Repository(manifests=dict(repository.manifests), tags=dict(repository.tags))
        fake.cut_write(number, when)

        with engine_on(opened(fake.host), tmp_path) as engine:
            result = promote(engine, "v2.0.0", "staging")

            assert (result.outcome, result.error) == (Ending.PROMOTED, None)
            assert_as_if_undisturbed(engine, fake, before)


@pytest.mark.requirement("NFR-004")
def test_promotion_completed_by_another_operator_has_one_committed_record(
    opened: Opener, tmp_path: Path
) -> None:
    with prepared(FALLBACK, opened, tmp_path) as fake:
        fake.cut_write(4, Cut.BEFORE, then_gone=True)
        with restarted(fake, opened, tmp_path) as engine, pytest.raises(RegistryError):
            promote(engine, "v2.0.0", "staging")
        fake.back()

        with restarted(fake, opened, tmp_path) as engine:
            result = promote(engine, "v2.0.0", "staging", BOB)
            entries = engine.history("staging")

    assert result.record is not None
    assert result.record.operator == BOB.name
    assert [entry.record.operator for entry in entries] == [BOB.name, "alice@acme.com"]


ACTS: dict[str, Callable[[Engine], Result]] = {
    "lock": lambda engine: lock(engine, operator=BOB),
    "promotion": lambda engine: promote(engine, "v3.0.0", "staging", BOB),
    "rollback": lambda engine: roll_back(engine, "v1.0.0", operator=BOB),
}


@pytest.mark.requirement("NFR-004")
@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("when", Cut)
@pytest.mark.parametrize(
    ("behaviour", "number"), [*WRITES, *((IMMUTABLE, number) for number in range(3, 7))]
)
def test_killed_promotion_does_not_hinder_another_operator(
    behaviour: Behaviour, number: int, when: Cut, name: str, opened: Opener, tmp_path: Path
) -> None:
    with prepared(behaviour, opened, tmp_path) as fake:
        for version in ("v1.1.0", "v3.0.0"):
            fake.hold(REPOSITORY, image(version.encode()), f"{version}-dev")
        with restarted(fake, opened, tmp_path) as engine:
            assert promote(engine, "v1.1.0", "staging").error is None
        fake.cut_write(number, when, then_gone=True)
        with restarted(fake, opened, tmp_path) as engine, suppress(RegistryError):
            promote(engine, "v2.0.0", "staging")
        fake.back()

        with restarted(fake, opened, tmp_path / "elsewhere") as engine:
            result = ACTS[name](engine)
            staging = engine.status()[1]
            kinds = [entry.record.kind for entry in engine.history("staging", 2)]
            (found,) = engine.verify("staging", ProgressLog()).environments

    assert result.error is None
    assert staging.alignment is Alignment.ALIGNED
    assert kinds[0] == name
    assert {problem.kind for problem in found.problems} <= {RemarkKind.UNRECORDED}


@pytest.mark.requirement("NFR-004")
def test_committed_record_with_an_old_latest_is_completing_until_repeated(
    opened: Opener, tmp_path: Path
) -> None:
    with prepared(FALLBACK, opened, tmp_path) as fake:
        fake.script("PUT", "/manifests/latest-staging$", *[Cut.BEFORE] * 6)
        with engine_on(opened(fake.host), tmp_path) as engine:
            with pytest.raises(RegistryError):
                promote(engine, "v2.0.0", "staging")
            interrupted = engine.status()[1]

        with restarted(fake, opened, tmp_path) as engine:
            completed = promote(engine, "v2.0.0", "staging")
            unchanged = promote(engine, "v2.0.0", "staging")
            aligned = engine.status()[1]
            entries = engine.history("staging")

    assert interrupted.alignment is Alignment.COMPLETING
    assert interrupted.state.version == "v2.0.0"
    assert completed.outcome is Ending.PROMOTED
    assert "interrupted before its last steps" in completed.warnings[0]
    assert (unchanged.outcome, unchanged.warnings) == (Ending.UNCHANGED, ())
    assert aligned.alignment is Alignment.ALIGNED
    assert len(entries) == 2


def test_registry_lost_before_the_first_write_stays_unchanged(
    opened: Opener, tmp_path: Path
) -> None:
    with prepared(FALLBACK, opened, tmp_path) as fake:
        before = dict(fake.repository(REPOSITORY).tags)
        fake.cut_write(1, Cut.BEFORE, then_gone=True)

        with restarted(fake, opened, tmp_path) as engine, pytest.raises(RegistryError):
            promote(engine, "v2.0.0", "staging")

        assert fake.repository(REPOSITORY).tags == before
