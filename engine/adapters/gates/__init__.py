"""Gates as child processes: an argument list, an end in time, and no shell."""

from engine.adapters.gates.limits import Limits
from engine.adapters.gates.runner import CommandGates
from engine.adapters.gates.verdict import ReportJudge

__all__ = ["CommandGates", "Limits", "ReportJudge"]
