"""Claimed entries whose tags the registry refuses, or does not answer for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.errors import RegistryAccessError, RegistryError, RegistryRefusalError
from engine.execution.entry_reconciler import EntryReconciler
from tests.conftest import Place
from tests.peers.fake_http import Cut, Reply
from tests.peers.fake_registry import FakeRegistry, oci_error
from tests.scenarios.claiming import Killed, Mortal, claims_in, warnings
from tests.scenarios.engines import engine_on, with_parts
from tests.scenarios.verbs import kinds, lock

ENTRY = r"manifests/floe-ledger\.staging\."
DENIED = oci_error(403, "DENIED", "the account may only pull")


@pytest.fixture
def scripted(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> Iterator[Engine]:
    """An engine on the fake registry, whose claims are in a database."""
    registry = opened(fake.host)
    place = Place(registry, lambda _artifact, _tag: None)
    with engine_on(registry, tmp_path) as engine:
        yield with_parts(engine, claims=claims_in(tmp_path, place))


def test_claim_of_a_refused_entry_is_removed(fake: FakeRegistry, scripted: Engine) -> None:
    fake.script("PUT", ENTRY, DENIED)

    with pytest.raises(RegistryAccessError, match="denies") as refused:
        lock(scripted)

    assert "may still complete" not in str(refused.value)
    assert scripted.runner.claims.pending("staging") == ()
    EntryReconciler(scripted.runner).reconcile()
    assert kinds(scripted) == []
    assert lock(scripted).error is None
    assert kinds(scripted) == ["lock"]


@pytest.mark.parametrize("answer", [Reply(503), Reply(524), Cut.BEFORE])
def test_error_says_that_the_entry_may_still_be_completed(
    fake: FakeRegistry, scripted: Engine, answer: Reply | Cut
) -> None:
    fake.always("PUT", ENTRY, answer)

    with pytest.raises(
        RegistryError, match="This lock is claimed as entry 1, and the next"
    ) as lost:
        lock(scripted)

    assert "floe platform status --env staging" in str(lost.value)
    fake.forget_scripts()
    EntryReconciler(scripted.runner).reconcile()
    assert kinds(scripted) == ["lock"]


def test_claim_stays_while_it_is_unknown_whether_the_tag_exists(
    fake: FakeRegistry, scripted: Engine
) -> None:
    fake.script("PUT", ENTRY, oci_error(413, "SIZE_INVALID"))
    fake.always("HEAD", ENTRY, Reply(520))

    with pytest.raises(RegistryRefusalError, match="may still complete it"):
        lock(scripted)

    assert [claim.sequence for claim in scripted.runner.claims.pending("staging")] == [1]


def test_refused_claim_of_a_dead_writer_does_not_block(
    fake: FakeRegistry, scripted: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Killed):
        lock(with_parts(scripted, ledger=Mortal(scripted.runner.registry)))
    fake.script("PUT", ENTRY, oci_error(413, "SIZE_INVALID"))

    assert lock(scripted).error is None

    assert kinds(scripted) == ["lock"]
    assert warnings(caplog)[0].startswith("removed the claim of entry staging#1 sha256:")
