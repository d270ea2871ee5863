"""Verify, sign and export the ledgers of a platform."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.audit.checkpoints import Checkpoints, SignedCheckpoint
from engine.audit.export import export_log
from engine.audit.policies import Policies, stored_digests
from engine.audit.verification import Verification
from engine.domain.audit import Anchor, AuditReport
from engine.domain.environment import Environment
from engine.domain.errors import ContentMissingError, UnconfiguredError, UsageError
from engine.domain.policy_document import PolicyDocument
from engine.domain.selection import parse_digest_prefix, parse_place
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
        now=runner.clock.now(),
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
            # The source of a promotion is exported after its target, so that it is as new.
            for each in reversed([*environments])
        ]
    return tuple(each for each in reversed(exported) if each is not None)


def read_policy(runner: Runner, reference: str) -> PolicyDocument:
    """
    Read the policy that `reference` names: a digest or its first digits, or an entry (`prod#7`).

    UsageError if it names none or several, ContentMissingError if the registry lost it.
    """
    digest = _policy_digest(runner, reference)
    policies = Policies.of(runner.registry)
    document = policies.find(digest)
    if document is None:
        raise ContentMissingError(
            f"The policy {digest} {policies.fault(digest)}: restore it from a backup of the "
            "registry or from an export",
            {"policy_digest": digest},
        )
    return document


def _policy_digest(runner: Runner, reference: str) -> str:
    if "#" in reference:
        environment, sequence = parse_place(reference)
        head = runner.ledger.head(runner.path.environment(environment).name)
        if head is None or sequence > head.sequence:
            raise UsageError(
                f"{environment} has no entry {sequence}: its ledger ends with entry "
                f"{head.sequence if head else 0}"
            )
        return runner.ledger.entry(head, sequence).record.policy_digest
    prefix = parse_digest_prefix(reference)
    known = sorted(set(stored_digests(runner.registry.tags())))
    found = [digest for digest in known if digest.startswith(prefix)]
    if len(found) != 1:
        problem = "several policies begin" if found else "no policy begins"
        listed = ", ".join(each[:19] for each in found or known) or "none"
        raise UsageError(
            f"{problem.capitalize()} with {prefix}. Policies in {runner.registry.reference}: "
            f"{listed}"
        )
    return found[0]


def _checkpoints(runner: Runner) -> Checkpoints:
    if runner.checkpoints is None:
        raise UnconfiguredError(
            "manifest.yaml has no ledger.checkpoint. Make a key: floe keys generate --kind ed25519 "
            "--out checkpoint.key, and write: ledger: {checkpoint: {key: file:checkpoint.key}}"
        )
    return runner.checkpoints.open()
