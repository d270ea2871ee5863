"""Compares the tags of an environment with its ledger."""

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

_WHO = "find out who moves tags outside floe"


@dataclass(frozen=True)
class Tags:
    """`published` if builds also push tags here, so that a tag needs no record."""

    registry: RegistryReader
    pool: Executor
    published: bool

    def check_recorded(self, records: Mapping[Tag, tuple[int, Digest]], remarks: Remarks) -> None:
        """Check that every tag of a promotion or rollback points to its recorded digest."""
        names = iter(records)
        while portion := list(islice(names, PORTION)):
            for tag, found in zip(portion, self.pool.map(self._resolve, portion), strict=True):
                _compare(tag, *records[tag], found, remarks)

    def check_unrecorded(
        self, snapshot: Snapshot, records: Mapping[Tag, tuple[int, Digest]], remarks: Remarks
    ) -> None:
        """Report tags of versions without a committed record."""
        for tag in snapshot.tags:
            if tag not in records and not self.published:
                remarks.problem(
                    RemarkKind.UNRECORDED,
                    f"{tag} has no record: if a promotion was interrupted, run it again; "
                    f"else remove the tag, and {_WHO}",
                    tag=tag,
                )

    def check_latest(self, snapshot: Snapshot, state: EnvironmentState, remarks: Remarks) -> None:
        """Check that the `latest` tag, which deployments follow, agrees with the ledger."""
        name, tag = snapshot.environment, Tag(f"latest-{snapshot.environment}")
        found = _shown(snapshot.latest or "missing")
        match EnvironmentStatus(name, state, snapshot.latest, None).alignment:
            case Alignment.DRIFTED:
                remarks.problem(
                    RemarkKind.MOVED,
                    f"{tag} {found}, but the ledger has {state.version} "
                    f"({(state.digest or '')[:19]}): restore it "
                    f"(floe platform restore --env {name}), and {_WHO}",
                    tag=tag,
                )
            case Alignment.UNRECORDED if not self.published:
                remarks.problem(
                    RemarkKind.UNRECORDED,
                    f"{tag} {found}, but nothing was ever promoted to {name}: remove the tag, "
                    f"and {_WHO}",
                    tag=tag,
                )
            case Alignment.COMPLETING:
                remarks.note(
                    RemarkKind.COMPLETING,
                    f"{tag} was not moved to {state.version} yet, as the ledger says: run the "
                    "interrupted command again",
                    tag=tag,
                )

    def _resolve(self, tag: Tag) -> Digest | str:
        """The digest of `tag`, or the reason why there is none."""
        try:
            return self.registry.resolve(tag) or "missing"
        except RegistryRefusalError:
            raise
        except RegistryAnswerError as error:
            return f"unreadable ({error})"


def _compare(
    tag: Tag, sequence: int, digest: Digest, found: Digest | str, remarks: Remarks
) -> None:
    if found == digest:
        return
    remarks.problem(
        RemarkKind.MISSING if found == "missing" else RemarkKind.MOVED,
        f"{tag} {_shown(found)}, but entry {sequence} has {digest.short}: restore it, and {_WHO}",
        sequence,
        tag,
    )


def _shown(found: Digest | str) -> str:
    return f"points to {found.short}" if isinstance(found, Digest) else f"is {found}"
