"""The rules that waivers, and the promotions that use them, follow."""

from collections.abc import Iterator
from datetime import timedelta

from engine.audit.history import MAX_CLOCK_SKEW
from engine.domain.audit import RemarkKind
from engine.domain.record import AnyRecord, PromotionRecord
from engine.domain.release_records import WaiveRecord
from engine.domain.state import EnvironmentState
from engine.domain.waiver import MAX_DAYS

Violation = tuple[RemarkKind, str]


def judge_waivers(record: AnyRecord, state: EnvironmentState) -> Iterator[Violation]:
    """A waiver ends in time, and a promotion uses waivers that are in force in `state` before."""
    match record:
        case WaiveRecord(terms=terms):
            asked = record.requested_at or record.at
            if terms.until > asked + timedelta(days=MAX_DAYS) + MAX_CLOCK_SKEW:
                yield (
                    RemarkKind.OVERRIDE,
                    f"waives {terms.shown}, which is more than {MAX_DAYS} days after its request",
                )
        case PromotionRecord(gate_results=results):
            held = {each.key for each in state.waivers_in_force(record.at - MAX_CLOCK_SKEW)}
            used = dict.fromkeys(key for result in results for key in result.waived)
            for key in used.keys() - held:
                yield (
                    RemarkKind.OVERRIDE,
                    f"promotes {record.version} with a waiver of {key}, which was not in force in "
                    f"{record.ledger}",
                )
