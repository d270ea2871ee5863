"""Issue the statements about environments again, without a change."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.attestation.current import CurrentPredicate
from engine.domain.environment import Environment
from engine.domain.errors import UnconfiguredError
from engine.execution.runner import Runner
from engine.execution.statements import StatementIssuer


@dataclass(frozen=True)
class Issued:
    """The valid statement about an environment, None if nothing is stated; and warnings."""

    environment: str
    statement: CurrentPredicate | None
    warnings: tuple[str, ...]


def issue_statements(
    runner: Runner, environments: Iterable[Environment], *, renew: bool
) -> Iterator[Issued]:
    """
    Issue the statements about those `environments` that have records; without `renew` only those
    that are not up to date.

    UnconfiguredError if none are configured, LedgerUnreadableError for a ledger that was cut or
    rewritten: an old state must not be stated again.
    """
    issuer = runner.statements
    if not isinstance(issuer, StatementIssuer):
        raise UnconfiguredError(
            "manifest.yaml configures no statements: write ledger: {signing: {key: …, current: {}}}"
        )
    for name in (each.name for each in environments):
        with runner.leases.hold(name):
            head = runner.ledger.head(name)
            runner.rewind_guard.check(name, head, runner.rewind_guard.known(name))
            if head is None:
                continue
            statement, warnings = issuer.issue(head, renew=renew)
        yield Issued(name, statement, warnings)
