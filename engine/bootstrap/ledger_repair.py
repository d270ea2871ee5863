"""Finds and puts back removed tags of a ledger, for the command `audit repair`."""

from engine.api import Engine
from engine.domain.audit import LedgerRepair
from engine.domain.operator import Operator
from engine.execution import ledger_repair
from engine.ports import Progress


def find_removed(engine: Engine, environment: str, progress: Progress) -> LedgerRepair:
    """Find the removed tags of a ledger, without writing."""
    place = engine.path.environment(environment)
    return ledger_repair.find_removed(engine.runner, place, progress)


def put_back(
    engine: Engine, environment: str, operator: Operator, trace_id: str, progress: Progress
) -> LedgerRepair:
    """Put the removed tags of a ledger back, and record that."""
    place = engine.path.environment(environment)
    return ledger_repair.repair_ledger(engine.runner, place, operator, trace_id, progress)
