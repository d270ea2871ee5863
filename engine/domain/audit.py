"""The results of an audit of the ledgers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine.domain.artifact import Digest, Tag
from engine.domain.errors import (
    AuthorizationError,
    EnvironmentLockedError,
    SeparationOfDutiesError,
)
from engine.domain.ledger import LedgerEntry


class RemarkKind(StrEnum):
    """The subject of a remark; `unjudged`, `policy` and those from `completing` on are notes."""

    GAP = "gap"  # a sequence is skipped
    ALTERED = "altered"  # bytes or links do not fit together
    MISSING = "missing"  # an entry, its blob, or a tag that names it is gone
    FORK = "fork"  # two entries claim one place
    VOID = "void"  # a number is occupied by content that does not count
    UNTRUSTED = "untrusted"  # no trusted key signed it; a note where a trusted entry links to it
    MOVED = "moved"  # a tag differs from the ledger
    UNRECORDED = "unrecorded"  # a tag of an environment that no committed record names
    UNCOPIED = "uncopied"  # the audit backend has no copy of an entry
    REWOUND = "rewound"  # the head does not descend from the newest head seen
    ANCHOR = "anchor"  # an anchored entry is not in the ledger
    CHECKPOINT = "checkpoint"  # entries are not those that a checkpoint signs
    SOURCE = "source"  # promoted without a record in the source, or rolled back to nothing
    APPROVAL = "approval"  # approvals are missing, or not by other people
    DUTIES = "duties"  # the promoter into the source promoted it further
    OVERRIDE = "override"  # a rule was broken, and no override is recorded
    LOCKED = "locked"  # changed while a lock was in force
    WINDOW = "window"  # changed while a freeze window was closed
    NAME = "name"  # version, tag and digest do not belong together
    TIME = "time"  # times run backwards
    TIMESTAMP = "timestamp"  # a timestamp is not valid, or contradicts the time of its record
    UNJUDGED = "unjudged"  # a rule could not be judged, since a ledger cannot be read
    POLICY = "policy"  # records made under another configuration
    COMPLETING = "completing"  # committed, and `latest` has yet to follow
    ROLLBACK = "rollback"  # the version to which a rollback would return is gone
    UNCOMMITTED = "uncommitted"  # an audit backend has a record that never took effect
    INTERRUPTED = "interrupted"  # the run of the newest entry lacks its last steps
    UNREMEMBERED = "unremembered"  # the state directory could not store the head
    UNCONFIRMED = "unconfirmed"  # a key is missing, or comes from the same place
    WITNESSED = "witnessed"  # a witness signed the checkpoint
    UNWITNESSED = "unwitnessed"  # a witness has not signed the newest entries
    UNSTAMPED = "unstamped"  # entries without a timestamp
    UNREAD = "unread"  # a checkpoint proves the older entries, so they were not read again


# Refusals by these rules are recorded on the ledger; all other requests without an effect are
# reported to the audit backends only. Keyed by the reason code of the error.
RULE_OF = {
    EnvironmentLockedError.reason_code: "lock",
    AuthorizationError.reason_code: "authorization",
    SeparationOfDutiesError.reason_code: "separation_of_duties",
}
LEDGERED_RULES = frozenset(RULE_OF.values())


@dataclass(frozen=True, slots=True)
class Remark:
    """A problem or note, with its sequence or tag; `message` ends with a hint."""

    kind: RemarkKind
    environment: str
    message: str
    sequence: int | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentAudit:
    """
    The audit of one environment's ledger. `entries` counts those linked from `head`, which proves
    them; `head` is None where there is no ledger yet. Notes need no action.
    """

    environment: str
    entries: int
    head: Digest | None
    problems: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()

    @property
    def sound(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The audits of several environments, in path order."""

    environments: tuple[EnvironmentAudit, ...]

    @property
    def sound(self) -> bool:
        return all(environment.sound for environment in self.environments)


@dataclass(frozen=True, slots=True)
class LedgerRepair:
    """
    Tags of a ledger that were put back, and sentences about those that cannot be. `entry` has the
    record of the repair; None if nothing was put back.
    """

    environment: str
    restored: tuple[Tag, ...]
    problems: tuple[str, ...]
    entry: LedgerEntry | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A contradiction within one ledger entry."""

    kind: RemarkKind
    text: str


@dataclass(frozen=True)
class InspectedEntry:
    """
    The content at one position of a ledger, with its faults; nothing in it is trusted.

    `digest` is None if the manifest cannot be fetched, `entry` is None if it is not a ledger entry;
    an entry can have faults too. Its record comes from the blob, where there is one. `untrusted`
    means that no known key signed it, where keys are configured, and `listed` that a listed one
    did. `stamped` means that it has timestamps of its signature; `timestamp` is the earliest valid
    one, where they are verified.
    """

    digest: Digest | None
    entry: LedgerEntry | None
    faults: tuple[Fault, ...] = ()
    untrusted: bool = False
    listed: bool = False
    stamped: bool = False
    timestamp: datetime | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """An entry as a person noted it: its environment, sequence and digest."""

    environment: str
    sequence: int
    digest: Digest

    def __str__(self) -> str:
        return f"{self.environment}#{self.sequence} {self.digest}"


@dataclass(frozen=True, slots=True)
class KnownHead:
    """The newest head of a ledger that this machine has seen."""

    sequence: int
    digest: Digest
