"""What an audit finds in a ledger."""

from dataclasses import dataclass, replace
from enum import StrEnum

from engine.domain.artifact import Digest
from engine.domain.errors import (
    AuthorizationError,
    EnvironmentLockedError,
    SeparationOfDutiesError,
)
from engine.domain.ledger import LedgerEntry


class Kind(StrEnum):
    """What a remark is about. The last three are notes; `policy` is one unless held strictly."""

    GAP = "gap"  # a sequence is skipped
    ALTERED = "altered"  # bytes or links do not fit together
    MISSING = "missing"  # an entry, its blob, or a tag that names it is gone
    FORK = "fork"  # two entries claim one place
    MOVED = "moved"  # a tag differs from the ledger
    UNRECORDED = "unrecorded"  # a tag of an environment that no committed record names
    UNCOPIED = "uncopied"  # the audit backend has no copy of an entry
    REWOUND = "rewound"  # the head does not descend from what was the head before
    POLICY = "policy"  # records made under another configuration
    COMPLETING = "completing"  # committed, and `latest` has yet to follow
    UNCOMMITTED = "uncommitted"  # an entry beyond the head, left by an interrupted run
    UNREMEMBERED = "unremembered"  # the state directory could not keep the head


# What these rules refuse is on the ledger; whatever else did not take effect, audit backends only
# are told of. By the reason of the error they end in.
RULE_OF = {
    EnvironmentLockedError.reason_code: "lock",
    AuthorizationError.reason_code: "authorization",
    SeparationOfDutiesError.reason_code: "separation_of_duties",
}
LEDGERED_RULES = frozenset(RULE_OF.values())


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing found, with its place in the ledger or its tag, and in words the way out."""

    kind: Kind
    environment: str
    message: str
    sequence: int | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentAudit:
    """
    The ledger of one environment. `entries` are those linked from `head`, so proven by it; `head`
    is None where there is no ledger yet. Notes ask nobody to act.
    """

    environment: str
    entries: int
    head: Digest | None
    problems: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()

    @property
    def sound(self) -> bool:
        return not self.problems

    def strict(self) -> "EnvironmentAudit":
        """With records made under another configuration held to be problems."""
        others = tuple(note for note in self.notes if note.kind is Kind.POLICY)
        notes = tuple(note for note in self.notes if note.kind is not Kind.POLICY)
        return replace(self, problems=self.problems + others, notes=notes)


@dataclass(frozen=True, slots=True)
class AuditReport:
    environments: tuple[EnvironmentAudit, ...]

    @property
    def sound(self) -> bool:
        return all(environment.sound for environment in self.environments)

    def strict(self) -> "AuditReport":
        """See `EnvironmentAudit.strict`."""
        return AuditReport(tuple(environment.strict() for environment in self.environments))


@dataclass(frozen=True, slots=True)
class Fault:
    """Why what lies in the ledger is not what it should be, within itself."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Exhibit:
    """
    What lies at one place of a ledger, believed in nothing.

    `digest` is None when its manifest cannot be had, `entry` None when it is no ledger entry; an
    entry may have faults all the same. Its record is that of the blob, where there is one.
    """

    digest: Digest | None
    entry: LedgerEntry | None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownHead:
    """The head of a ledger as it was seen before."""

    sequence: int
    digest: Digest
