"""Writers that were suspended after their claim, seen by the next writer and by a server."""

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from engine.adapters.ledger.ledger import RegistryLedger
from engine.adapters.state import FileLeases
from engine.adapters.store.entry_claims import SqlEntryClaims
from engine.api import Engine
from engine.domain.artifact import Digest, Tag
from engine.domain.audit import KnownHead
from engine.domain.errors import ConflictError
from engine.domain.ledger import ChainEnd, LedgerEntry
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.status import Alignment
from engine.execution.entry_reconciler import EntryReconciler, ImpatientLeases
from engine.ports.state import NO_CLAIMS, REFERRERS_LEASE
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.claiming import FastClock, kill_after_the_claim, warnings
from tests.scenarios.engines import NOON, promote, with_parts
from tests.scenarios.tampering import Hand
from tests.scenarios.verbs import kinds, lock, unlock
from tests.store.databases import entries_database


def move_late(shared: Engine) -> None:
    """The writer of v1.0.1 moves `latest` after two other promotions."""
    kill_after_the_claim(shared, "v1.0.1")
    for version in ("v1.0.2", "v1.0.3"):
        assert promote(shared, version, "staging").error is None
    registry = shared.runner.registry
    late = registry.fetch(Tag("v1.0.1-staging"))
    assert late is not None
    registry.put(late, Tag("latest-staging"))
    assert shared.status()[1].alignment is Alignment.DRIFTED


def test_latest_of_a_suspended_writer_is_put_right_by_the_next_one(
    shared: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    move_late(shared)

    assert lock(shared).error is None

    assert shared.status()[1].alignment is Alignment.ALIGNED
    assert "completed staging v1.0.3: moved late by a suspended writer" in warnings(caplog)[-1]


def test_latest_of_a_suspended_writer_is_put_right_in_the_background(shared: Engine) -> None:
    move_late(shared)
    reconciler = EntryReconciler(shared.runner)

    reconciler.reconcile()

    assert shared.status()[1].alignment is Alignment.ALIGNED


def test_entry_of_a_killed_writer_is_completed_in_the_background(shared: Engine) -> None:
    kill_after_the_claim(shared, "v1.0.1")
    reconciler = EntryReconciler(shared.runner)

    reconciler.reconcile()

    assert kinds(shared) == ["promotion"]
    assert shared.status()[1].alignment is Alignment.ALIGNED


def test_server_completes_claimed_entries_when_it_starts(shared: Engine) -> None:
    kill_after_the_claim(shared, "v1.0.1")

    shared.complete_interrupted()

    assert kinds(shared) == ["promotion"]
    assert shared.status()[1].alignment is Alignment.ALIGNED


def test_latest_that_was_moved_by_hand_stays(shared: Engine, place: Place) -> None:
    move_late(shared)
    place.push(image(b"by hand"), "v1.0.4-dev")
    Hand(place).point("latest-staging", at="v1.0.4-dev")

    EntryReconciler(shared.runner).reconcile()
    assert lock(shared).error is None

    assert shared.status()[1].alignment is Alignment.DRIFTED


def test_version_of_an_old_claim_that_was_moved_by_hand_stays(
    shared: Engine, place: Place, tmp_path: Path
) -> None:
    move_late(shared)
    clock = FastClock(NOON + timedelta(hours=2))
    old = SqlEntryClaims(entries_database(tmp_path), place.registry.reference, clock)
    later = with_parts(shared, claims=old)

    EntryReconciler(later.runner).reconcile()
    assert lock(later).error is None

    assert shared.status()[1].alignment is Alignment.DRIFTED


def meanwhile(shared: Engine, tmp_path: Path) -> None:
    """Another machine promotes v1.0.2 and v1.0.3 while the lease of this one is lost."""
    other = with_parts(shared, leases=FileLeases(tmp_path / "other"))
    for version in ("v1.0.2", "v1.0.3"):
        assert promote(other, version, "staging").error is None


def test_completer_that_was_suspended_puts_latest_right(shared: Engine, tmp_path: Path) -> None:
    class Suspended(RegistryLedger):
        """Reads the change to complete, right before `latest` is moved."""

        def entry(self, head: LedgerEntry, sequence: int) -> LedgerEntry:
            if kinds(shared) == ["promotion"]:
                meanwhile(shared, tmp_path)
            return super().entry(head, sequence)

    kill_after_the_claim(shared, "v1.0.1")
    late = with_parts(shared, ledger=Suspended(shared.runner.registry))

    with late.runner.hold("staging"):
        pass

    status = shared.status()[1]
    assert (status.state.version, status.alignment) == ("v1.0.3", Alignment.ALIGNED)


class Overtaken:
    """A registry where other writers move `latest` right after this one, before it reads back."""

    def __init__(self, shared: Engine, tmp_path: Path) -> None:
        self._shared, self._folder = shared, tmp_path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shared.runner.registry, name)

    def put(self, manifest: Manifest, tag: Tag | None = None) -> None:
        self._shared.runner.registry.put(manifest, tag)
        if str(tag) == "latest-staging" and kinds(self._shared) == ["promotion"]:
            meanwhile(self._shared, self._folder)


def test_completer_whose_latest_is_overtaken_reports_no_error(
    shared: Engine, tmp_path: Path
) -> None:
    kill_after_the_claim(shared, "v1.0.1")

    with with_parts(shared, registry=Overtaken(shared, tmp_path)).runner.hold("staging"):
        pass

    status = shared.status()[1]
    assert (status.state.version, status.alignment) == ("v1.0.3", Alignment.ALIGNED)


def test_completer_that_was_suspended_raises_no_false_alarm(shared: Engine, tmp_path: Path) -> None:
    class Suspended(RegistryLedger):
        def end(self, environment: str) -> ChainEnd:
            end = super().end(environment)
            if not kinds(shared):
                meanwhile(shared, tmp_path)
            return end

    kill_after_the_claim(shared, "v1.0.1")

    with pytest.raises(ConflictError, match="a newer change followed it"):
        lock(with_parts(shared, ledger=Suspended(shared.runner.registry)))


def test_conflict_is_reported_if_completing_fails_after_it(
    shared: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = with_parts(shared, leases=FileLeases(tmp_path / "other"))

    with pytest.raises(ConflictError, match="overtaken"), shared.runner.hold("staging"):
        kill_after_the_claim(other, "v1.0.1")
        shared.runner.heads.remember("staging", KnownHead(5, Digest.of(b"unknown")))
        raise ConflictError("overtaken")

    assert warnings(caplog)[0].startswith(
        "claimed entries of staging are not completed: The ledger"
    )


def test_malformed_claim_stops_no_other_environment(shared: Engine) -> None:
    assert lock(with_parts(shared, claims=NO_CLAIMS), "prod").error is None
    (newest,) = shared.history("prod", 1)
    malformed = Manifest(b"no manifest", IMAGE_MANIFEST)
    shared.runner.claims.claim(replace(newest, manifest=malformed))
    kill_after_the_claim(shared, "v1.0.1")

    EntryReconciler(shared.runner).reconcile()

    assert kinds(shared) == ["promotion"]
    assert unlock(shared, "prod").error is None
    assert shared.runner.claims.pending("prod") == ()


def test_background_work_waits_for_the_referrers_index(
    shared: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held = Event()

    def list_another() -> None:
        with shared.runner.leases.hold(REFERRERS_LEASE):
            held.set()
            time.sleep(0.5)

    kill_after_the_claim(shared, "v1.0.1")
    thread = Thread(target=list_another)
    thread.start()
    assert held.wait(30)

    EntryReconciler(impatient(shared, tmp_path).runner).reconcile()

    thread.join()
    assert kinds(shared) == ["promotion"]
    assert not [text for text in warnings(caplog) if "not listed as a referrer" in text]


def impatient(shared: Engine, tmp_path: Path) -> Engine:
    at_once = FileLeases(tmp_path / "leases", 0)
    return with_parts(shared, leases=ImpatientLeases(at_once, shared.runner.leases))


def test_background_work_leaves_a_living_writer_alone(shared: Engine, tmp_path: Path) -> None:
    kill_after_the_claim(shared, "v1.0.1")
    idle = impatient(shared, tmp_path)

    with shared.runner.leases.hold("staging"):
        EntryReconciler(idle.runner).reconcile()

    assert kinds(shared) == []
