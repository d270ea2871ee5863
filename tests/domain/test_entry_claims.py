"""The rules for claims whose writers have not finished."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.artifact import Digest
from engine.domain.entry_claims import Standing, claim_standing, claimed_artifacts
from engine.domain.ledger import ChainEnd, EntryClaim, LedgerEntry, draft_after
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.state import EnvironmentState
from engine.domain.status import Alignment, EnvironmentStatus
from tests.domain.records import AT, a_promotion

DIGESTS = [str(Digest.of(name.encode())) for name in ("before", "now", "late", "by hand")]
BEFORE, NOW, LATE, BY_HAND = DIGESTS


def extended(chain: Sequence[LedgerEntry], fork: int) -> LedgerEntry:
    """The entry that a writer of `fork` makes after `chain`."""
    head = chain[-1] if chain else None
    sequence = len(chain) + 1
    record = a_promotion(
        promotion_id=UUID(int=sequence * 10 + fork), promoted_at=AT + timedelta(minutes=sequence)
    )
    draft = draft_after(ChainEnd(head), record, None, lambda link: chain[link.sequence - 1])
    return LedgerEntry(
        draft.environment,
        draft.sequence,
        draft.ancestors,
        draft.record,
        draft.state,
        Manifest(f"{fork} {sequence}".encode(), IMAGE_MANIFEST),
        index=draft.index,
    )


def chain_of(length: int, shared: int, fork: int) -> list[LedgerEntry]:
    """A chain of `length` entries; those after the first `shared` are of `fork`."""
    chain: list[LedgerEntry] = []
    for sequence in range(1, length + 1):
        chain.append(extended(chain, 0 if sequence <= shared else fork))
    return chain


CHAINS = {(shared, fork): chain_of(12, shared, fork) for shared in range(13) for fork in (0, 1)}
numbers = st.integers(0, 12)


def judged(claimed: LedgerEntry, chain: Sequence[LedgerEntry]) -> Standing:
    claim = EntryClaim(claimed.environment, claimed.sequence, claimed.manifest)
    end = ChainEnd(chain[-1] if chain else None)
    taken = chain[claim.sequence - 1].digest if claim.sequence <= len(chain) else None
    return claim_standing(claim, end, claimed, taken)


@given(length=numbers, place=st.integers(1, 12), shared=numbers, fork=st.sampled_from([0, 1]))
def test_claim_is_recorded_due_or_void(length: int, place: int, shared: int, fork: int) -> None:
    chain = CHAINS[12, 0][:length]
    claimed = CHAINS[shared, fork][place - 1]
    same = fork == 0 or place <= shared
    follows = place == length + 1 and (fork == 0 or length <= shared)

    standing = judged(claimed, chain)

    if same and place <= length:
        assert standing is Standing.RECORDED
    else:
        assert standing is (Standing.DUE if follows else Standing.VOID)


@given(length=st.integers(1, 11), again=st.integers(1, 11))
def test_record_of_an_earlier_entry_cannot_be_claimed_again(length: int, again: int) -> None:
    chain = CHAINS[12, 0][:length]
    record = chain[min(again, length) - 1].record
    draft = draft_after(ChainEnd(chain[-1]), record, None, lambda link: chain[link.sequence - 1])
    manifest = Manifest(b"forged", IMAGE_MANIFEST)
    forged = LedgerEntry(
        "prod", draft.sequence, draft.ancestors, record, draft.state, manifest, index=draft.index
    )

    assert judged(forged, chain) is Standing.VOID


@given(length=st.integers(0, 11))
def test_entry_that_skips_a_free_number_is_void(length: int) -> None:
    chain = CHAINS[12, 0][:length]
    skipped = {length + 1: Digest.of(b"void")}
    end = ChainEnd(chain[-1] if chain else None, skipped)
    record = CHAINS[12, 1][11].record
    draft = draft_after(end, record, None, lambda link: chain[link.sequence - 1])
    manifest = Manifest(b"skips one", IMAGE_MANIFEST)
    claimed = LedgerEntry(
        "prod", draft.sequence, draft.ancestors, record, draft.state, manifest, index=draft.index
    )
    claim = EntryClaim("prod", claimed.sequence, manifest)

    assert judged(claimed, chain) is Standing.VOID
    assert claim_standing(claim, end, claimed, None) is Standing.DUE


@given(length=numbers)
def test_claim_that_does_not_count_is_void(length: int) -> None:
    claim = EntryClaim("prod", length + 1, Manifest(b"foreign", IMAGE_MANIFEST))
    end = ChainEnd(CHAINS[12, 0][length - 1] if length else None)

    assert claim_standing(claim, end, None, None) is Standing.VOID


@given(
    latest=st.sampled_from([None, *DIGESTS]),
    late=st.sets(st.sampled_from([LATE, NOW, BEFORE])),
    before=st.sampled_from([None, BEFORE]),
)
def test_latest_follows_unless_it_was_moved_by_hand(
    latest: str | None, late: set[str], before: str | None
) -> None:
    state = EnvironmentState(version="v2.0.0", digest=NOW, before=before)
    status = EnvironmentStatus("prod", state, Digest(latest) if latest else None, None)

    lags = status.lags(late)

    assert lags == (latest == before or (latest != NOW and latest in late))
    assert not (lags and status.alignment is Alignment.ALIGNED)
    assert not (lags and latest == BY_HAND)


PROMOTION = Manifest(
    b'{"schemaVersion": 2, "subject": {"mediaType": "m", "digest": "%s", "size": 1}}'
    % LATE.encode(),
    IMAGE_MANIFEST,
)


def test_artifacts_of_claims_are_their_subjects() -> None:
    others = (Manifest(content, IMAGE_MANIFEST) for content in (b'{"schemaVersion": 2}', b"no"))
    claims = [EntryClaim("prod", n, each) for n, each in enumerate((PROMOTION, *others), 1)]

    assert claimed_artifacts(claims) == {LATE}


def test_abandoned_claim_moves_nothing() -> None:
    assert claimed_artifacts([EntryClaim("prod", 1, PROMOTION, abandoned=True)]) == set()
