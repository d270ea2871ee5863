"""cosign finds the signed entries of a ledger by the artifact, and judges where it may run."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.adapters.ledger.ledger import RegistryLedgerReader
from engine.adapters.ledger.sealing import Sealing
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.adapters.signing import generate_key
from engine.attestation.statement import predicate_type
from engine.domain.artifact import Tag
from engine.domain.manifest import Manifest
from engine.domain.upkeep_records import RotateRecord
from tests.conftest import Place
from tests.peers import raw
from tests.peers.cosign import VERSIONS, Cosign
from tests.peers.go import referrers_registry
from tests.scenarios.audited import lock, promote_versions, unlock
from tests.scenarios.engines import promote
from tests.scenarios.rotating import OLD, THIRD, rotated
from tests.scenarios.sealed import OTHER, OWN, SIGNING, trust, writer

pytestmark = pytest.mark.peers


@pytest.fixture(params=["without the API", "with the API"])
def host(request: pytest.FixtureRequest) -> Iterator[str]:
    with ExitStack() as stack:
        if request.param == "with the API":
            yield stack.enter_context(referrers_registry())
        else:
            yield request.getfixturevalue("registry_host")


@dataclass(frozen=True)
class Judge:
    """`cosign verify-attestation` for the artifacts of the repository `reference` in `place`."""

    cosign: Cosign
    place: Place
    reference: str

    def accepts(self, tag: str, environment: str) -> bool:
        kind = predicate_type("promotion", environment)
        return self.cosign.accepts(f"{self.reference}:{tag}", kind)


@pytest.fixture(params=VERSIONS)
def judge(
    request: pytest.FixtureRequest,
    host: str,
    repository: str,
    opened: Callable[..., DistributionRegistry],
    tmp_path: Path,
) -> Judge:
    """v1.0.1 was promoted to staging and prod, v1.0.2 to staging only."""
    place = Place(
        opened(host, repository),
        lambda artifact, tag: raw.push(host, repository, artifact, tag),
    )
    with writer(place, tmp_path / "writer", SIGNING) as engine:
        promote_versions(place, engine, last=2)
        promote(engine, "v1.0.1", "prod")
        lock(engine)
    cosign = Cosign(request.param, tmp_path)
    cosign.trust(OWN)
    return Judge(cosign, place, f"{host}/{repository}")


def test_cosign_accepts_an_artifact_where_it_was_promoted(judge: Judge) -> None:
    accepted = {
        (version, environment): judge.accepts(f"{version}-dev", environment)
        for version in ("v1.0.1", "v1.0.2")
        for environment in ("staging", "prod")
    }

    assert accepted == {
        ("v1.0.1", "staging"): True,
        ("v1.0.1", "prod"): True,
        ("v1.0.2", "staging"): True,
        ("v1.0.2", "prod"): False,
    }


def test_cosign_refuses_another_key(judge: Judge) -> None:
    judge.cosign.trust(generate_key("ecdsa"))

    assert not judge.accepts("v1.0.1-dev", "prod")


def test_cosign_refuses_an_entry_that_was_copied_to_another_artifact(judge: Judge) -> None:
    """A stranger attaches the promotion of v1.0.1 to v1.0.2."""
    registry = judge.place.registry
    entry = registry.fetch(Tag("floe-ledger.prod.1"))
    other = registry.fetch(Tag("v1.0.2-dev"))
    assert entry is not None
    assert other is not None
    subject = other.descriptor.to_json()
    copy = Manifest(entry.content.replace(*_digests(entry, subject)), entry.media_type)
    registry.put(copy)
    described = copy.descriptor.model_copy(
        update={"artifact_type": entry.artifact_type, "annotations": entry.view.annotations}
    )
    registry.attach(other.digest, described)

    assert not judge.accepts("v1.0.2-dev", "prod")
    assert judge.accepts("v1.0.1-dev", "prod")


def test_cosign_refuses_a_void_that_the_ledger_skipped(judge: Judge, tmp_path: Path) -> None:
    """A stranger promotes v1.0.2 to prod; the next trusted entry skips it."""
    forging = Sealing(OTHER, trust(OTHER, OWN))
    with writer(judge.place, tmp_path / "stranger", forging) as engine:
        promote(engine, "v1.0.2", "prod")
    with writer(judge.place, tmp_path / "writer", SIGNING) as engine:
        unlock(engine)
        promote_versions(judge.place, engine, last=3, first=3)
        assert promote(engine, "v1.0.3", "prod").error is None
        [newest] = engine.history("prod", 1)

    assert list(newest.voided) == [2]
    assert not judge.accepts("v1.0.2-dev", "prod")
    assert judge.accepts("v1.0.3-dev", "prod")


def test_cosign_accepts_the_promotion_by_a_key_that_a_rotation_added(
    judge: Judge, tmp_path: Path
) -> None:
    with writer(judge.place, tmp_path / "writer", SIGNING) as engine:
        unlock(engine)
        rotated(engine, THIRD)
    with writer(judge.place, tmp_path / "new", Sealing(THIRD, trust(OLD, THIRD))) as engine:
        promote_versions(judge.place, engine, last=3, first=3)
        rotated(engine, retire=(OLD,))
    [rotation] = [each for each in _rotations(judge) if each.added]

    accepted = {}
    for name, pem in (("old", None), ("new", rotation.added[0].public_key)):
        if pem:
            (tmp_path / "floe.pub").write_text(pem)
        versions = ("v1.0.1", "v1.0.3")
        accepted[name] = [judge.accepts(f"{each}-dev", "staging") for each in versions]

    assert accepted == {"old": [True, False], "new": [False, True]}


def _rotations(judge: Judge) -> list[RotateRecord]:
    ledger = RegistryLedgerReader(judge.place.registry)
    records = [entry.record for entry in ledger.history("staging", 20)]
    return [record for record in records if isinstance(record, RotateRecord)]


def _digests(entry: Manifest, other: dict[str, object]) -> tuple[bytes, bytes]:
    subject = entry.view.subject
    assert subject is not None
    return subject.digest.encode(), str(other["digest"]).encode()
