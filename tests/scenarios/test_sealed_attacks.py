"""Entries that no trusted key signed count nowhere, and block no one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.api import Engine
from engine.domain.errors import VersionNotPromotedError
from engine.domain.result import Ending
from engine.domain.status import EnvironmentStatus
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.audited import (
    lock,
    messages,
    promote_versions,
    stranger_audit,
    summarize,
    unlock,
)
from tests.scenarios.engines import promote
from tests.scenarios.sealed import OTHER, trust, writer
from tests.scenarios.tampering import ENTRY, HEAD, Hand

pytestmark = pytest.mark.requirement("FR-026")
FORGERS = {"without a signature": Sealing(), "by another key": Sealing(OTHER, trust(OTHER))}


@pytest.fixture
def engine(place: Place, tmp_path: Path) -> Iterator[Engine]:
    """A signing engine with two promote_versions to staging; v1.0.9 is built."""
    with writer(place, tmp_path / "own") as built:
        promote_versions(place, built, last=2)
        place.push(image(b"bad"), "v1.0.9-dev")
        yield built


@pytest.fixture(params=FORGERS.values(), ids=FORGERS.keys())
def forger(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> Iterator[Engine]:
    """An engine of a person who can write to the registry and has no trusted key."""
    # Their engine accepts the entries of the others, to which it appends.
    with writer(place, tmp_path / "other", Sealing(request.param.signer)) as built:
        yield built


def staging(engine: Engine) -> EnvironmentStatus:
    return next(row for row in engine.status() if row.name == "staging")


def test_forged_promotion_changes_nothing_but_is_shown(engine: Engine, forger: Engine) -> None:
    promote(forger, "v1.0.9", "staging")

    row = staging(engine)

    assert (row.state.version, row.drifted) == ("v1.0.2", True)
    assert row.intrusions == ("untrusted entry 3 in staging: no trusted key signed it",)


def test_forged_promotion_does_not_admit_a_version_to_prod(engine: Engine, forger: Engine) -> None:
    promote(forger, "v1.0.9", "staging")

    refused = promote(engine, "v1.0.9", "prod")

    assert isinstance(refused.error, VersionNotPromotedError)


def test_forged_unlock_does_not_remove_a_lock(engine: Engine, forger: Engine) -> None:
    lock(engine)
    unlock(forger)

    refused = promote(engine, "v1.0.9", "staging")

    assert staging(engine).lock is not None
    assert refused.error is not None
    assert refused.error.reason_code == "environment_locked"


def test_lock_and_promotion_after_a_forged_entry_succeed(engine: Engine, forger: Engine) -> None:
    promote(forger, "v1.0.9", "staging")

    lock(engine)
    unlock(engine)
    promoted = promote(engine, "v1.0.9", "staging")

    row = staging(engine)
    assert promoted.outcome is Ending.PROMOTED
    assert (row.state.version, row.state.sequence, row.ignored) == ("v1.0.9", 6, ())


def test_audit_names_a_forged_entry_before_and_after_it_is_skipped(
    engine: Engine, forger: Engine
) -> None:
    lock(forger)
    before = stranger_audit(engine)
    lock(engine)
    after = stranger_audit(engine)

    assert ("untrusted", 3) in summarize(before.problems)
    assert ("untrusted", 3) in summarize(after.problems)
    assert "untrusted entry 3 in staging: no trusted key signed" in messages(after)
    assert staging(engine).intrusions == ()


@pytest.mark.parametrize("number", [1, 2])
def test_replayed_entry_of_the_same_ledger_does_not_count(
    place: Place, engine: Engine, number: int
) -> None:
    Hand(place).put(Hand(place).manifest(f"{ENTRY}.{number}"), f"{ENTRY}.3", HEAD)

    row = staging(engine)

    assert row.state.version == "v1.0.2"
    assert row.intrusions == ("invalid entry 3 in staging: it does not continue the ledger",)


def test_replayed_entry_of_another_environment_does_not_count(place: Place, engine: Engine) -> None:
    entry = Hand(place).manifest(f"{ENTRY}.1")
    Hand(place).put(entry, "floe-ledger.prod.1", "floe-head.prod")

    prod = next(row for row in engine.status() if row.name == "prod")

    assert prod.state.version is None
    assert prod.ignored == (1,)


@pytest.mark.parametrize(
    "name", ["dev.floe.state.version", "dev.floe.ledger.ancestors", "dev.floe.state.locked"]
)
def test_signature_covers_links_and_state(
    place: Place, engine: Engine, name: str, tmp_path: Path
) -> None:
    lock(engine)
    values = {"dev.floe.state.locked": "false", "dev.floe.state.version": "v6.6.6"}
    forged = Hand(place).edited(
        f"{ENTRY}.3", lambda m: m["annotations"].update({name: values.get(name, "2=x")})
    )
    Hand(place).put(forged, f"{ENTRY}.3", HEAD)

    with writer(place, tmp_path / "fresh") as fresh:
        row = staging(fresh)

    assert row.state.sequence == 2
    assert row.untrusted == {3}
