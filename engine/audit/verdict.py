"""Judges by the copy of a ledger whether an artifact was promoted to an environment."""

from engine.audit.record_cache import Records
from engine.domain.artifact import Digest
from engine.domain.errors import PromotionError
from engine.domain.hand_off import Verdict, judge
from engine.domain.state import EMPTY


def judge_digest(records: Records, environment: str, digest: Digest) -> Verdict:
    """
    Judge `digest` by the copy in `records`: no request, and constant time in the history.

    A ledger that cannot be read, or that lost entries, admits nothing.
    """
    head = records.heads.get(environment)
    at = head.at if head else None
    if reason := reason_to_distrust(records, environment):
        return Verdict(environment, digest, reasons=(reason,), at=at)
    try:
        found = records.store.arrival(environment, str(digest))
        unread = records.missing().get(environment, 0)
    except PromotionError as error:
        return Verdict(environment, digest, reasons=(str(error),), at=at)
    state = head.entry.state if head and head.entry else EMPTY
    record = found.record if found else None
    return judge(environment, digest, state, record, unread, at)


def reason_to_distrust(records: Records, environment: str) -> str | None:
    """Return the reason not to believe the copy of a ledger, as a sentence; None if it is good."""
    if error := records.error(environment):
        return f"The ledger of {environment} cannot be read: {error}"
    head = records.heads.get(environment)
    if head is None:
        return f"The ledger of {environment} was not read yet: ask again in a minute"
    return str(head.distrust) if head.distrust else None
