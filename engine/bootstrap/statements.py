"""Builds the issuer of the statements for admission controllers."""

from collections.abc import Sequence
from datetime import timedelta

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.statements.legacy import LegacyAttestations
from engine.adapters.statements.publisher import BundlePublisher
from engine.api import Engine
from engine.bootstrap.clock import SystemClock
from engine.config.ledger import Signing
from engine.domain.environment import Environment
from engine.execution.attest import Issued, issue_statements
from engine.execution.statement_renewer import StatementRenewer
from engine.execution.statements import StatementIssuer
from engine.ports import Leases, LedgerReader, Registry
from engine.ports.statements import NO_STATEMENTS, Statements


def statements_of(
    settings: Signing,
    registry: Registry,
    ledger: LedgerReader,
    leases: Leases,
    sealing: Sealing,
) -> Statements:
    """The issuer of the statements of `settings`; none for a command that lacks the key."""
    if sealing.signer is None or sealing.trusted is None:
        return NO_STATEMENTS
    legacy = LegacyAttestations(registry) if "legacy" in settings.formats else None
    publisher = BundlePublisher(registry, leases, sealing.signer, sealing.trusted, legacy)
    current = settings.current
    valid = timedelta(seconds=current.valid) if current else None
    return StatementIssuer(publisher, ledger, SystemClock(), current.keep if current else 0, valid)


def attest(engine: Engine, environment: str | None) -> tuple[Issued, ...]:
    """Issue the statements about one or all environments."""
    path = engine.path
    places = (path.environment(environment),) if environment else path.environments
    return tuple(issue_statements(engine.runner, places, renew=True))


def statement_renewer(engine: Engine) -> StatementRenewer | None:
    """The background work that renews the statements; None if none are configured."""
    runner = engine.runner
    if not isinstance(runner.statements, StatementIssuer):
        return None

    def issue(environment: Environment) -> Sequence[Issued]:
        return tuple(issue_statements(runner, (environment,), renew=False))

    return StatementRenewer(engine.path.environments, issue)
