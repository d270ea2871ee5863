"""The results of reading one ledger, before its records are compared with other ledgers."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.audit.chain_verifier import ChainSummary
from engine.audit.findings import Remarks
from engine.audit.meaning_verifier import MeaningVerifier
from engine.domain.artifact import Digest
from engine.domain.audit import EnvironmentAudit


@dataclass(frozen=True)
class CheckedLedger:
    """`meaning` is None for an export whose entries cannot be read."""

    environment: str
    head: Digest | None
    summary: ChainSummary
    remarks: Remarks
    meaning: MeaningVerifier | None

    @property
    def audit(self) -> EnvironmentAudit:
        return EnvironmentAudit(
            environment=self.environment,
            entries=self.summary.entries,
            head=self.head,
            problems=tuple(self.remarks.problems),
            notes=tuple(self.remarks.notes),
        )


def find_complete(checked: Mapping[str, CheckedLedger], environment: str) -> MeaningVerifier | None:
    """The verifier of `environment`, if it has read the whole ledger."""
    known = checked.get(environment)
    return known.meaning if known and known.meaning and known.meaning.complete else None
