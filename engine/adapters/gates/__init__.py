"""Runs gates as child processes, with a timeout and without a shell."""

from engine.adapters.gates.limits import Limits
from engine.adapters.gates.runner import CommandGates
from engine.adapters.gates.verdict import ReportJudge

__all__ = ["CommandGates", "Limits", "ReportJudge"]
