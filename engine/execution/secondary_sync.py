"""Repair the secondaries, and note their state."""

from collections.abc import Sequence

from engine.domain.environment import Environment
from engine.domain.errors import PromotionError
from engine.domain.mirroring import SyncReport
from engine.execution.runner import Runner
from engine.ports import Progress
from engine.secondaries.outcomes import outcomes_of
from engine.secondaries.repair import Repair


def sync_secondaries(
    runner: Runner,
    environments: Sequence[Environment],
    progress: Progress,
    *,
    published: bool = False,
) -> SyncReport:
    """Copy everything that the secondaries lack in `environments`; see `Engine.sync`."""
    names = [each.name for each in environments]
    mirrors = runner.secondaries.mirrors
    repair = Repair(runner.path, runner.registry, runner.ledger, runner.leases, mirrors)
    report = repair.report(names, progress, published=published)
    for name in names:
        _note(runner, report, name)
    return report


def _note(runner: Runner, report: SyncReport, name: str) -> None:
    try:
        head = runner.ledger.head(name)
    except PromotionError:
        # The report has this error, in the rows of the environment.
        return
    if head is not None and (outcomes := outcomes_of(report, head)):
        runner.secondaries.note(head, outcomes)
