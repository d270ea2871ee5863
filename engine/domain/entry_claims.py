"""Judges claims of ledger entries whose writers have not finished."""

from collections.abc import Iterable
from enum import StrEnum

from engine.domain.artifact import Digest
from engine.domain.ledger import ChainEnd, EntryClaim, LedgerEntry, continues
from engine.domain.manifest import Descriptor, Manifest


class Standing(StrEnum):
    """The relation of a claim to the ledger in the registry."""

    RECORDED = "recorded"  # the ledger has the entry
    DUE = "due"  # the entry continues the ledger: its tag must be created
    VOID = "void"  # the claim can never become an entry: its number is free for another one


def claim_standing(
    claim: EntryClaim, end: ChainEnd, entry: LedgerEntry | None, recorded: Digest | None
) -> Standing:
    """
    Judge `claim` by the ledger that ends with `end`.

    `entry` is the one in the claim, None if it does not count; `recorded` is the digest of the
    entry that the ledger has under the number of the claim. The registry is the truth: a claim
    never replaces an entry.
    """
    if recorded == claim.digest:
        return Standing.RECORDED
    if entry is None or claim.sequence != end.next_sequence:
        return Standing.VOID
    due = continues(entry, end, claim.sequence) and not _repeats(entry, end.head)
    return Standing.DUE if due else Standing.VOID


def _repeats(entry: LedgerEntry, head: LedgerEntry | None) -> bool:
    """
    Whether `entry` has the record of `head` or an older one.

    The record of any earlier entry is in the registry, so a person with access to the database
    alone could claim it again.
    """
    if head is None:
        return False
    return entry.record.id == head.record.id or entry.record.at < head.record.at


def claimed_artifacts(claims: Iterable[EntryClaim]) -> frozenset[str]:
    """The digests of artifacts to which the writers of `claims` may still move `latest`."""
    subjects = (_subject(claim.manifest) for claim in claims if not claim.abandoned)
    return frozenset(subject.digest for subject in subjects if subject)


def _subject(manifest: Manifest) -> Descriptor | None:
    """The artifact of `manifest`; a claim with other content is no entry, and moves nothing."""
    try:
        return manifest.view.subject
    except ValueError:
        return None
