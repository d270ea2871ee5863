"""The proof that an artifact was promoted: its attestation, and its place in the ledger."""

from dataclasses import dataclass
from enum import StrEnum

from engine.domain.errors import (
    PromotionError,
    RolledBackError,
    SignatureVerificationError,
    VersionNotPromotedError,
)
from engine.domain.ledger import LedgerEntry
from engine.domain.signature import ExaminedSignature


class Standing(StrEnum):
    """
    The present role of an artifact in an environment, by its ledger.

    `void`: it has a valid attestation, which is not an entry of the ledger.
    """

    RUNNING = "running"
    REPLACED = "replaced"
    ROLLED_BACK = "rolled_back"
    NEVER_PROMOTED = "never_promoted"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class PromotionProof:
    """
    The verdict about the promotion of an artifact to `environment`.

    `entry` is its newest committed promotion, `rollback` the entry that rolled the environment back
    from it since. `signer` is the fingerprint of the key whose attestation of the type `kind` is
    valid; None without one. `examined` lists the attached statements of that type.
    """

    environment: str
    kind: str
    standing: Standing
    entry: LedgerEntry | None
    rollback: LedgerEntry | None
    signer: str | None
    examined: tuple[ExaminedSignature, ...]

    @property
    def summary(self) -> str:
        """The verdict in one sentence."""
        place, number = self.environment, f"entry {self.entry.anchor}" if self.entry else ""
        match self.standing:
            case Standing.VOID:
                return (
                    f"Not promoted to {place}: its attestation is valid, and the ledger does not "
                    f"contain it. Run: floe platform audit verify --env {place}"
                )
            case Standing.NEVER_PROMOTED:
                return f"Not promoted to {place}: its ledger has no promotion of this artifact"
            case Standing.ROLLED_BACK:
                since = self.rollback.anchor if self.rollback else "a later entry"
                return f"Promoted to {place} by {number}, and rolled back since by {since}"
        if self.signer is None:
            return (
                f"Promoted to {place} by {number}, and no attestation of it that a trusted key "
                "signed is attached to the artifact: admission controllers refuse it"
            )
        running = self.standing is Standing.RUNNING
        now = "which it runs" if running else "which runs another version now"
        return f"Promoted by {number} to {place}, {now}"

    @property
    def error(self) -> PromotionError | None:
        """The refusal; None if the promotion is valid and was not rolled back."""
        match self.standing:
            case Standing.NEVER_PROMOTED:
                return VersionNotPromotedError(self.summary)
            case Standing.ROLLED_BACK:
                return RolledBackError(self.summary)
            case Standing.VOID:
                return SignatureVerificationError(self.summary)
        return None if self.signer else SignatureVerificationError(self.summary)
