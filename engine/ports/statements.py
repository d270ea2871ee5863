"""Statements beside the ledger, for admission controllers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from engine.domain.ledger import LedgerEntry
from engine.domain.public_key import PublicKey

if TYPE_CHECKING:
    from engine.attestation.current import CurrentPredicate


@dataclass(frozen=True, slots=True)
class Published:
    """A statement that is attached to artifacts, and the ID of the key that signed it."""

    stated: "CurrentPredicate"
    signer: str


class StatementPublisher(Protocol):
    """
    Attaches signed statements to artifacts. Nothing in floe is decided by them.

    Methods raise RegistryError, and SigningUnavailableError if the key cannot sign. The caller
    holds the lease of the environment.
    """

    def read(self, environment: str, known: Sequence[PublicKey] = ()) -> Published | None:
        """
        Read the newest published statement of `environment`; None without one by a listed key or
        one of `known`, which the ledger names.
        """
        ...

    def publish(
        self, stated: "CurrentPredicate", before: "CurrentPredicate | None"
    ) -> tuple[str, ...]:
        """
        Attach a statement to each artifact in `stated`, and detach those of earlier statements,
        also from the artifacts in `before`.

        Returns a sentence for each artifact from which the registry detaches nothing.
        """
        ...

    def publish_entry(self, entry: LedgerEntry) -> None:
        """
        Add the signed `entry` to the attestations of its artifact in cosign's earlier form, if that
        is configured, and unless it is there.
        """
        ...


class Statements(Protocol):
    """Issues the statements that follow a change."""

    def follow(self, head: LedgerEntry | None) -> tuple[str, ...]:
        """
        Issue the changed statements of the ledger that ends with `head`, under its lease.

        Returns warnings and raises nothing: the change has taken effect.
        """
        ...


class NoStatements:
    """Implements `Statements` where none are configured."""

    def follow(self, head: LedgerEntry | None) -> tuple[str, ...]:  # noqa: ARG002 - the port's shape
        return ()


NO_STATEMENTS = NoStatements()
