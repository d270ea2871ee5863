"""Verify, sign and export the ledgers of a platform."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.audit.checkpoints import Checkpoints, SignedCheckpoint
from engine.audit.export import export_log
from engine.audit.verification import Verification
from engine.domain.audit import Anchor, AuditReport
from engine.domain.environment import Environment
from engine.domain.errors import UnconfiguredError
from engine.domain.tlog.checkpoint import Checkpoint
from engine.execution.runner import Runner
from engine.ports import Progress
from engine.runtime.whole_files import write_directory


def verify_ledgers(
    runner: Runner,
    environments: Iterable[Environment],
    progress: Progress,
    anchors: Sequence[Anchor],
    full: bool,
) -> AuditReport:
    """
    Verify the ledgers of `environments`, and that they contain `anchors`.

    Only entries after the last checkpoint are read, or all with `full`. The report lists all
    problems; RegistryError if the registry cannot be read.
    """
    verification = Verification(
        path=runner.path,
        registry=runner.registry,
        ledger=runner.ledger,
        leases=runner.leases,
        heads=runner.heads,
        pool=runner.pool,
        policy=runner.policy,
        backend=runner.audit_backend,
        anchors=anchors,
        checkpoints=runner.checkpoints.open() if runner.checkpoints else None,
        full=full,
    )
    return verification.report((each.name for each in environments), progress)


def make_checkpoints(
    runner: Runner, environments: Iterable[Environment]
) -> tuple[SignedCheckpoint, ...]:
    """
    Sign the ledgers of those `environments` that have records, and store the checkpoints.

    UnconfiguredError without a key, LedgerUnreadableError for a ledger that was cut or rewritten.
    """
    checkpoints = _checkpoints(runner)
    made = []
    for name in (each.name for each in environments):
        known = runner.rewind_guard.known(name)
        runner.rewind_guard.check(name, runner.ledger.head(name), known)
        made.append(checkpoints.make(name))
    return tuple(each for each in made if each is not None)


def export_ledgers(
    runner: Runner, environments: Iterable[Environment], target: Path, progress: Progress
) -> tuple[Checkpoint, ...]:
    """
    Write the ledgers of `environments` into the directory `target`, or nothing.

    UnconfiguredError without a key or a checkpoint; UsageError for an occupied `target`.
    """
    checkpoints = _checkpoints(runner)
    with write_directory(target) as draft:
        exported = [
            export_log(checkpoints, runner.registry, each.name, draft / each.name, progress)
            for each in environments
        ]
    return tuple(each for each in exported if each is not None)


def _checkpoints(runner: Runner) -> Checkpoints:
    if runner.checkpoints is None:
        raise UnconfiguredError(
            "manifest.yaml has no ledger.checkpoint. Make a key: floe keys generate --kind ed25519 "
            "--out checkpoint.key, and write: ledger: {checkpoint: {key: file:checkpoint.key}}"
        )
    return runner.checkpoints.open()
