"""The tags of an environment, against what its ledger says they are."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice

from engine.audit.chain_verifier import PORTION
from engine.audit.findings import Remarks
from engine.audit.snapshot import Snapshot
from engine.domain.artifact import Digest, Tag
from engine.domain.audit import RemarkKind
from engine.domain.errors import RegistryAnswerError, RegistryRefusalError
from engine.domain.state import EnvironmentState
from engine.domain.status import Alignment, EnvironmentStatus
from engine.ports import RegistryReader

_WHO = "find out who moves tags beside floe"


@dataclass(frozen=True)
class Tags:
    """`published` where builds may tag too, so that a tag needs no record."""

    registry: RegistryReader
    pool: Executor
    published: bool

    def recorded(self, records: Mapping[Tag, tuple[int, Digest]], remarks: Remarks) -> None:
        """Whether every tag of a promotion or rollback is what its record says."""
        names = iter(records)
        while portion := list(islice(names, PORTION)):
            for tag, found in zip(portion, self.pool.map(self._resolve, portion), strict=True):
                _compare(tag, *records[tag], found, remarks)

    def unrecorded(
        self, snapshot: Snapshot, records: Mapping[Tag, tuple[int, Digest]], remarks: Remarks
    ) -> None:
        """Tags that say a version is here, and no committed record does."""
        for tag in snapshot.tags:
            if tag not in records and not self.published:
                remarks.problem(
                    RemarkKind.UNRECORDED,
                    f"{tag} is not on record: if a promotion was interrupted, run it again; "
                    f"else remove the tag, and {_WHO}",
                    tag=tag,
                )

    def latest(self, snapshot: Snapshot, state: EnvironmentState, remarks: Remarks) -> None:
        """Whether deployments follow what the ledger says."""
        name, tag = snapshot.environment, Tag(f"latest-{snapshot.environment}")
        found = snapshot.latest.short if snapshot.latest else "gone"
        match EnvironmentStatus(name, state, snapshot.latest, None).alignment:
            case Alignment.DRIFTED:
                remarks.problem(
                    RemarkKind.MOVED,
                    f"{tag} is {found} and by the ledger {state.version} "
                    f"({(state.digest or '')[:19]}): put it back "
                    f"(floe platform restore --env {name}), and {_WHO}",
                    tag=tag,
                )
            case Alignment.UNRECORDED if not self.published:
                remarks.problem(
                    RemarkKind.UNRECORDED,
                    f"{tag} is {found} and nothing was ever promoted to {name}: remove the tag, "
                    f"and {_WHO}",
                    tag=tag,
                )
            case Alignment.COMPLETING:
                remarks.note(
                    RemarkKind.COMPLETING,
                    f"{tag} has yet to follow the ledger to {state.version}: repeat the command "
                    "that was interrupted",
                    tag=tag,
                )

    def _resolve(self, tag: Tag) -> Digest | str:
        """Where `tag` points, or in words why that cannot be said."""
        try:
            return self.registry.resolve(tag) or "gone"
        except RegistryRefusalError:
            raise
        except RegistryAnswerError as error:
            return f"unreadable ({error})"


def _compare(
    tag: Tag, sequence: int, digest: Digest, found: Digest | str, remarks: Remarks
) -> None:
    if found == digest:
        return
    kind = RemarkKind.MISSING if found == "gone" else RemarkKind.MOVED
    shown = found.short if isinstance(found, Digest) else found
    remarks.problem(
        kind,
        f"{tag} is {shown} and by entry {sequence} {digest.short}: put it back, and {_WHO}",
        sequence,
        tag,
    )
