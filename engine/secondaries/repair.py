"""Repairs secondaries from the ledgers of the primary (`floe platform sync`)."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from engine.domain.artifact import Digest, Tag
from engine.domain.errors import ConflictError, PromotionError
from engine.domain.mirroring import EnvironmentSync, SyncReport
from engine.domain.path import PromotionPath
from engine.domain.versions import is_version
from engine.ports import Leases, Ledger, Progress, RegistryReader
from engine.ports.secondary import Mirror
from engine.ports.state import REFERRERS_LEASE
from engine.secondaries.environment_repair import EnvironmentRepair


@dataclass(frozen=True)
class Repair:
    """
    Walks the ledgers, and copies missing content to each of `mirrors`: recorded artifacts with
    their tags and referrers, records, and mutable tags.
    """

    path: PromotionPath
    registry: RegistryReader
    ledger: Ledger
    leases: Leases
    mirrors: Sequence[Mirror]

    def report(
        self, names: Sequence[str], progress: Progress, *, published: bool = False
    ) -> SyncReport:
        """
        Repair, and return one row for each environment and mirror. If a ledger cannot be read, its
        rows have the error; if none can be read, the first error is raised. With `published`, the
        row of the first environment also copies versions without a record.
        """
        relisted, unread = self._relist_all(names)
        if not self.mirrors:
            place = self.registry.reference
            rows = (EnvironmentSync(place, name, errors=(e,)) for name, e in unread.items())
            return SyncReport(tuple(rows), relisted)
        builds = self._builds() if published and self.path.entry.name in names else ()
        pool = ThreadPoolExecutor(len(self.mirrors), thread_name_prefix="floe-sync")
        try:
            found = pool.map(
                lambda m: self._mirror(m, names, unread, builds, progress), self.mirrors
            )
            return SyncReport(tuple(row for rows in found for row in rows), relisted)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _relist_all(self, names: Sequence[str]) -> tuple[int, dict[str, PromotionError]]:
        relisted = 0
        unread: dict[str, PromotionError] = {}
        for name in names:
            try:
                relisted += self._relist(name)
            except PromotionError as error:
                unread[name] = error
        if unread and len(unread) == len(names):
            raise unread[names[0]]
        return relisted, unread

    def _relist(self, name: str) -> int:
        """Add records missing in the primary's index of referrers again; return their number."""
        listed: dict[Digest, set[str]] = {}
        lost = []
        with closing(self.ledger.walk(name)) as entries:
            for entry in entries:
                subject = entry.manifest.view.subject
                if subject is None:
                    continue
                digest = Digest(subject.digest)
                if digest not in listed:
                    found = self.registry.referrers(digest)
                    listed[digest] = {each.digest for each in found}
                if str(entry.digest) not in listed[digest]:
                    lost.append(entry)
        for entry in lost:
            with self.leases.hold(REFERRERS_LEASE):
                self.ledger.attach(entry)
        return len(lost)

    def _builds(self) -> tuple[Tag, ...]:
        """The tags of builds: of a version alone, and of a version in the first environment."""
        return tuple(tag for tag in self.registry.tags() if self._is_build(tag))

    def _is_build(self, tag: Tag) -> bool:
        found = self.path.read(tag)
        if found is None:
            return is_version(tag.name)
        return found.environment == self.path.entry.name and not found.rollback

    def _mirror(
        self,
        mirror: Mirror,
        names: Sequence[str],
        unread: Mapping[str, PromotionError],
        builds: Sequence[Tag],
        progress: Progress,
    ) -> list[EnvironmentSync]:
        rows: list[EnvironmentSync] = []
        gone: PromotionError | None = None
        busy: ConflictError | None = None
        for name in names:
            progress.step(f"{mirror.reference}: {name}")
            work = EnvironmentRepair(
                self.registry,
                self.ledger,
                self.leases,
                mirror,
                self.path.environment(name),
                progress,
                busy=busy,
            )
            # A mirror that does not answer is not tried again for every environment.
            error = unread.get(name) or gone
            if error:
                work.errors.append(error)
            else:
                work.run(builds if name == self.path.entry.name else ())
                gone, busy = work.gone, work.busy
            rows.append(work.row())
        return rows
