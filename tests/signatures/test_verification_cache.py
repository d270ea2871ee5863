"""Good verdicts are remembered by artifact and settings, bad ones never (FR-022)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.adapters.sigstore.verification_cache import CachingVerifier
from engine.adapters.store import SqlStore, state_database
from engine.domain.manifest import Manifest
from engine.domain.signature import SignatureVerdict
from engine.ports import RegistryReader
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import TickingClock

pytestmark = pytest.mark.requirement("FR-022")
GOOD = SignatureVerdict("key", fingerprint="sha256:abc", problem=None)


@dataclass
class Asked:
    """A verifier that records its calls and returns `verdict`."""

    verdict: SignatureVerdict
    verification_digest: str = "sha256:settings"
    manifests: list[Manifest] = field(default_factory=list)

    def verify(self, registry: RegistryReader, manifest: Manifest) -> SignatureVerdict:
        self.manifests.append(manifest)
        return self.verdict


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(state_database(tmp_path / "state"), TickingClock())
    yield opened
    opened.close()


def test_a_good_verdict_is_asked_for_once(store, place: Place):
    asked = Asked(GOOD)
    verifier = CachingVerifier(asked, store, TickingClock())

    first = verifier.verify(place.registry, image().manifest)
    again = verifier.verify(place.registry, image().manifest)

    assert first == again == GOOD
    assert len(asked.manifests) == 1


def test_another_artifact_or_other_settings_are_asked_for_anew(store, place: Place):
    asked = Asked(GOOD)
    verifier = CachingVerifier(asked, store, TickingClock())
    verifier.verify(place.registry, image(b"one").manifest)

    verifier.verify(place.registry, image(b"two").manifest)
    asked.verification_digest = "sha256:other settings"
    verifier.verify(place.registry, image(b"one").manifest)

    assert len(asked.manifests) == 3


def test_a_bad_verdict_is_never_remembered(store, place: Place):
    asked = Asked(SignatureVerdict())
    verifier = CachingVerifier(asked, store, TickingClock())
    assert not verifier.verify(place.registry, image().manifest).verified

    asked.verdict = GOOD
    assert verifier.verify(place.registry, image().manifest).verified


def test_what_was_warned_about_is_no_verdict_to_enforce_by(store, place: Place):
    """An unsigned artifact that passed with a warning is still unsigned when it is enforced."""
    verifier = CachingVerifier(Asked(SignatureVerdict()), store, TickingClock())

    verifier.verify(place.registry, image().manifest)

    assert not verifier.verify(place.registry, image().manifest).verified


@pytest.mark.parametrize("kept", [{}, {"mode": "none"}, {"mode": 1}, {"mode": None}])
def test_foreign_entry_of_the_store_is_not_trusted(store, place: Place, kept):
    asked = Asked(SignatureVerdict())
    verifier = CachingVerifier(asked, store, TickingClock())
    store.remember(verifier._key(image().manifest), kept, TickingClock().now())

    assert not verifier.verify(place.registry, image().manifest).verified
    assert len(asked.manifests) == 1


def test_a_store_that_cannot_be_used_only_costs_time(tmp_path: Path, place: Place):
    (tmp_path / "state").write_text("in the way")
    store = SqlStore(state_database(tmp_path / "state"), TickingClock())
    asked = Asked(GOOD)
    verifier = CachingVerifier(asked, store, TickingClock())

    assert verifier.verify(place.registry, image().manifest) == GOOD
    assert verifier.verify(place.registry, image().manifest) == GOOD
    assert len(asked.manifests) == 2
    store.close()
