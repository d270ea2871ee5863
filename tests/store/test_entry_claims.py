"""Claims of ledger entries order the writers of a ledger in every kind of database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.adapters.store.entry_claims import SqlEntryClaims
from engine.domain.errors import ConflictError
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from tests.checks.contexts import entry
from tests.domain.records import a_promotion
from tests.store.databases import Databases
from tests.store.stores import NOON, HandClock, crowd

SECOND = timedelta(seconds=1)


def numbered(sequence: int, content: str = "", environment: str = "prod") -> LedgerEntry:
    """An entry with a manifest of its own, whose links do not matter to a claim."""
    manifest = Manifest(f'{{"entry": "{sequence}{content}"}}'.encode(), IMAGE_MANIFEST)
    made = entry(a_promotion())
    return replace(made, environment=environment, sequence=sequence, manifest=manifest)


@pytest.fixture
def claims(databases: Databases, clock: HandClock) -> SqlEntryClaims:
    return SqlEntryClaims(databases.entries(), "acme", clock)


@pytest.fixture
def other(databases: Databases, clock: HandClock) -> SqlEntryClaims:
    """The claims as another machine sees them."""
    return SqlEntryClaims(databases.entries(), "acme", clock)


def test_number_is_claimed_once(claims: SqlEntryClaims, other: SqlEntryClaims) -> None:
    first, second = numbered(5), numbered(5, "other")
    claims.claim(first)

    with pytest.raises(ConflictError, match="recorded entry 5 of 'prod' first"):
        other.claim(second)

    assert [claim.digest for claim in other.pending("prod")] == [first.digest]
    assert (claims.is_newest(first), other.is_newest(second)) == (True, False)


def test_number_before_a_claimed_one_is_taken(claims: SqlEntryClaims) -> None:
    claims.claim(numbered(5))
    claims.finish(numbered(5))

    with pytest.raises(ConflictError):
        claims.claim(numbered(4))


def test_environments_and_repositories_have_numbers_of_their_own(
    databases: Databases, clock: HandClock, claims: SqlEntryClaims
) -> None:
    claims.claim(numbered(5))

    claims.claim(numbered(5, environment="staging"))
    elsewhere = SqlEntryClaims(databases.entries(), "other", clock)
    elsewhere.claim(numbered(5))

    assert [claim.environment for claim in claims.pending("staging")] == ["staging"]
    elsewhere.forget("prod")
    assert claims.is_newest(numbered(5))


def test_claim_of_many_machines_succeeds_on_one(databases: Databases, clock: HandClock) -> None:
    def claim(number: int) -> bool:
        try:
            SqlEntryClaims(databases.entries(), "acme", clock).claim(numbered(7, str(number)))
        except ConflictError:
            return False
        return True

    with crowd(8) as threads:
        assert sum(threads.map(claim, range(8))) == 1


def test_pending_claims_have_the_exact_entry_oldest_first(
    claims: SqlEntryClaims, other: SqlEntryClaims
) -> None:
    for sequence in (5, 6):
        claims.claim(numbered(sequence))

    pending = other.pending("prod")

    assert [claim.sequence for claim in pending] == [5, 6]
    assert [claim.manifest for claim in pending] == [numbered(5).manifest, numbered(6).manifest]


def test_finished_claim_still_shows_that_it_is_the_newest(claims: SqlEntryClaims) -> None:
    claims.claim(numbered(5))

    assert claims.finish(numbered(5))

    assert claims.pending("prod") == ()
    assert claims.is_newest(numbered(5))
    assert not claims.is_newest(numbered(5, "other"))


def test_claim_that_was_overtaken_stays_pending(
    claims: SqlEntryClaims, other: SqlEntryClaims
) -> None:
    claims.claim(numbered(5))
    other.claim(numbered(6))
    other.finish(numbered(6))

    assert not claims.finish(numbered(5))

    assert [claim.sequence for claim in other.pending("prod")] == [5]


def test_claim_of_a_dead_writer_is_removed_after_an_hour(
    claims: SqlEntryClaims, clock: HandClock
) -> None:
    for sequence, minutes in ((5, 0), (6, 59), (7, 61)):
        clock.time = NOON + timedelta(minutes=minutes)
        claims.claim(numbered(sequence))
        if sequence != 5:
            claims.finish(numbered(sequence))
        expected = [] if sequence == 7 else [5]
        assert [claim.sequence for claim in claims.pending("prod")] == expected


def test_claim_is_abandoned_after_an_hour(claims: SqlEntryClaims, clock: HandClock) -> None:
    claims.claim(numbered(5))
    found = []

    for age in (3600 * SECOND, 3601 * SECOND):
        clock.time = NOON + age
        found += [claim.abandoned for claim in claims.pending("prod")]

    assert found == [False, True]


def test_neglected_claims_of_all_repositories_are_found_at_once(
    databases: Databases, clock: HandClock, claims: SqlEntryClaims
) -> None:
    elsewhere, idle = (
        SqlEntryClaims(databases.entries(), name, clock) for name in ("other", "idle")
    )
    for each in (claims, elsewhere, idle):
        each.claim(numbered(5))
    idle.finish(numbered(5))
    early = claims.neglected_repositories()
    clock.time += 3 * SECOND

    assert early == frozenset()
    assert claims.neglected_repositories() == {"acme", "other"}
    assert (claims.repository, elsewhere.neglected(), idle.neglected()) == ("acme", ("prod",), ())


def test_claims_are_neglected_for_a_limited_time(claims: SqlEntryClaims, clock: HandClock) -> None:
    claims.claim(numbered(5))
    claims.claim(numbered(5, environment="staging"))
    claims.finish(numbered(5, environment="staging"))
    found = []

    for age in (SECOND, 2 * SECOND, 3600 * SECOND, 3601 * SECOND):
        clock.time = NOON + age
        found.append(claims.neglected())

    assert found == [(), ("prod",), ("prod",), ()]


def test_released_number_can_be_claimed_again(claims: SqlEntryClaims) -> None:
    claims.claim(numbered(5))
    (void,) = claims.pending("prod")

    claims.release(replace(void, manifest=numbered(5, "other").manifest))
    assert claims.pending("prod") == (void,)
    claims.release(void)
    claims.claim(numbered(5, "other"))

    assert claims.is_newest(numbered(5, "other"))


def test_empty_database_accepts_any_number(claims: SqlEntryClaims) -> None:
    assert not claims.is_newest(numbered(41))
    assert not claims.finish(numbered(41))

    claims.claim(numbered(42))

    assert claims.is_newest(numbered(42))


def test_claims_of_a_restored_ledger_are_forgotten(claims: SqlEntryClaims) -> None:
    claims.claim(numbered(5))
    claims.claim(numbered(5, environment="staging"))

    claims.forget("prod")
    claims.claim(numbered(3))

    assert claims.is_newest(numbered(3))
    assert claims.is_newest(numbered(5, environment="staging"))
