"""Compares a ledger with its stored checkpoint, and with the history that witnesses have seen."""

from dataclasses import dataclass

from engine.audit.checkpoints import Checkpoints, SignedCheckpoint
from engine.audit.findings import Remarks
from engine.domain.audit import RemarkKind
from engine.domain.errors import (
    LedgerUnreadableError,
    WitnessContradictionError,
    WitnessUnavailableError,
)
from engine.domain.ledger import LedgerEntry
from engine.ports.checkpoints import Witness

_RESTORE = "restore the ledger from a backup, and find out who else can write to the registry"


@dataclass(frozen=True)
class CheckpointVerifier:
    """Verifies the ledger of `environment`, whose newest entry is `head`."""

    checkpoints: Checkpoints
    environment: str
    head: LedgerEntry | None
    remarks: Remarks

    def verify(self, known: SignedCheckpoint | None) -> int:
        """
        Verify the ledger by its checkpoint `known`, and report the entries without one.

        Returns the number of entries that it proves; 0 if they must be read.
        """
        size = self.head.sequence if self.head else 0
        if known is None:
            self._report_unwitnessed(1, size, "has no checkpoint")
            return 0
        if not self._extends(known):
            return 0
        self._report_unwitnessed(known.size + 1, size, "is newer than the checkpoint")
        seen = [self._witnessed(witness, known) for witness in self.checkpoints.witnesses]
        return known.size if not seen or any(seen) else 0

    def _extends(self, known: SignedCheckpoint) -> bool:
        """Report a ledger that does not contain the entries of `known`."""
        if self.head is None or self.head.sequence < known.size:
            fault = f"ends with entry {self.head.sequence if self.head else 0}"
        else:
            try:
                last = self.checkpoints.ledger.entry(self.head, known.size)
            except LedgerUnreadableError:
                # The chain is broken there, which is reported where it is verified.
                return False
            if known.ends_with(last):
                return True
            fault = f"has another entry {known.size}"
        signers = " and ".join(sorted(key.name for key in known.cosigned))
        by = f", which {signers} cosigned" if signers else ""
        self._problem(
            f"was cut or rewritten: it {fault}, and its checkpoint signs {known.size} entries{by}",
            known.size,
        )
        return False

    def _witnessed(self, witness: Witness, known: SignedCheckpoint) -> bool:
        """Ask `witness` for the history that it has seen; whether it signed `known`."""
        name = witness.key.name
        try:
            answer = witness.cosign(known.size, (), known.stored.note)
        except WitnessContradictionError:
            self._problem(f"contradicts the history that {name} has seen", known.size)
            return False
        except WitnessUnavailableError as error:
            self.remarks.note(RemarkKind.UNWITNESSED, str(error))
            return witness.key in known.cosigned
        if not isinstance(answer, int):
            return True
        if answer > known.size:
            self._problem(
                f"was cut, or its checkpoint was moved back: {name} has seen {answer} entries, and "
                f"the checkpoint has {known.size}",
                answer,
            )
            return False
        self._report_unwitnessed(answer + 1, known.size, f"is not signed by {name}")
        return False

    def _report_unwitnessed(self, first: int, last: int, reason: str) -> None:
        if first > last:
            return
        subject = f"Entries {first} to {last}" if first < last else f"Entry {first}"
        verb = reason.replace("is ", "are ", 1).replace("has ", "have ", 1)
        self.remarks.note(
            RemarkKind.UNWITNESSED,
            f"{subject} of {self.environment} {verb if first < last else reason}: "
            f"run floe platform audit checkpoint --env {self.environment}",
            last,
        )

    def _problem(self, fault: str, sequence: int) -> None:
        self.remarks.problem(
            RemarkKind.CHECKPOINT,
            f"The ledger of {self.environment} {fault}: {_RESTORE}",
            sequence,
        )
