"""The facts of a waiver, and of its end."""

from engine.context.context import Context
from engine.context.facts import Fact
from engine.domain.errors import UsageError
from engine.domain.ledger import LedgerEntry
from engine.domain.plan import Effect
from engine.domain.release_records import WaiveRecord
from engine.domain.request import UnwaiveRequest, WaiveRequest
from engine.domain.waiver import Waiver


class WaiveContext(Context[WaiveRequest]):
    """The facts about one waiver: an interrupted run may have recorded it already."""

    @Fact
    def effect(self) -> Effect:
        if self.committed_entry:
            return Effect.COMPLETE
        held = self.state.waivers_in_force(self.now)
        asked = self.request.terms
        same = any((each.key, each.until) == (asked.key, asked.until) for each in held)
        return Effect.NOTHING if same else Effect.CHANGE

    @Fact
    def committed_entry(self) -> LedgerEntry | None:
        head, asked = self.target_head, self.request
        record = head.record if head else None
        if not isinstance(record, WaiveRecord) or record.terms != asked.terms:
            return None
        return head if record.trace_id == asked.trace_id else None


class UnwaiveContext(Context[UnwaiveRequest]):
    """The facts about the early end of one waiver."""

    @Fact
    def waiver(self) -> Waiver | None:
        """The waiver to end; None without one, UsageError if the request means several."""
        asked, held = self.request, self.state.waivers_in_force(self.now)
        same = [each for each in held if each.vulnerability == asked.vulnerability]
        found = [each for each in same if asked.package in (None, each.package)]
        if len(found) > 1:
            found = [each for each in found if each.package == asked.package] or found
        if len(found) > 1:
            packages = ", ".join(str(each.package) for each in found)
            raise UsageError(
                f"{asked.vulnerability} is waived in several packages of {asked.target}: name one "
                f"with --package ({packages})"
            )
        return found[0] if found else None

    @Fact
    def effect(self) -> Effect:
        return Effect.CHANGE if self.waiver else Effect.NOTHING
