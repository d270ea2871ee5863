"""Judges the signatures of the entries in an export."""

from collections.abc import Mapping

from engine.audit.findings import Remarks
from engine.domain.audit import RemarkKind


def judge_signatures(untrusted: Mapping[int, bool], remarks: Remarks) -> None:
    """
    Judge the entries of a log, each `untrusted` or signed by a known key.

    A later entry by a known key vouches for those it links to, which is expected for the oldest
    ones only: after signing was configured, or after a change of keys.
    """
    known = [sequence for sequence, wrong in untrusted.items() if not wrong]
    first, last = min(known, default=0), max(known, default=0)
    vouched = 0
    for sequence in sorted(each for each, wrong in untrusted.items() if wrong):
        if sequence < first:
            vouched = sequence
            continue
        place = "between entries by known keys" if sequence < last else "after the last known one"
        remarks.problem(
            RemarkKind.UNTRUSTED,
            f"untrusted entry {sequence} in {remarks.environment}, {place}: no known key signed "
            "it. If it is right, give its key with --key",
            sequence,
        )
    if vouched:
        remarks.note(
            RemarkKind.UNTRUSTED,
            f"Entries up to {vouched} of {remarks.environment} are not signed by a known key; a "
            "later entry by a known key links to them: expected after a change of keys. Give the "
            "earlier keys with --key",
            vouched,
        )
