"""Reads the versions of a repository, for one command or for the many readers of a server."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from engine.context.source_facts import find_rollback
from engine.domain.artifact import Version
from engine.domain.errors import RegistryError, VersionNotPromotedError
from engine.domain.ledger import LedgerEntry
from engine.domain.parsing import parse_version
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.status import EnvironmentStatus
from engine.domain.versions import (
    Place,
    Presence,
    VersionPage,
    VersionRow,
    VersionTags,
    page_of,
    place_versions,
    read_version_tags,
    select_versions,
)
from engine.execution.runner import Runner

Statuses = Sequence[EnvironmentStatus]
# A repository may have thousands of tags. Builds of the last minute may be missing.
_FRESH = timedelta(minutes=1)
_KEPT_ROLLBACKS = 10_000
# The records in which the version before the running one is looked for.
_MOVES = 50


@dataclass(frozen=True, slots=True)
class _Listed:
    """The tags at one time, and the status of the environments by then."""

    tags: VersionTags
    statuses: Statuses
    at: datetime


class VersionReader:
    """
    Reads the versions of a repository.

    The tags are listed at most once a minute, and after a promotion or rollback. Readers of the
    same moment share the listing; `submit` runs it in the background, and `read` reads the status.
    """

    def __init__(
        self,
        runner: Runner,
        submit: Callable[[Callable[[], _Listed]], "Future[_Listed]"],
        read: Callable[[], Statuses],
    ) -> None:
        self._runner = runner
        self._submit = submit
        self._read = read
        self._lock = threading.Lock()
        self._known: _Listed | None = None
        self._listing: Future[_Listed] | None = None
        self._expired = False
        self._rollbacks: dict[tuple[str | None, Place], bool] = {}

    def page(
        self,
        statuses: Statuses,
        limit: int,
        after: str | None = None,
        environment: str | None = None,
        patience_seconds: float | None = None,
    ) -> VersionPage:
        """
        Read a page of the versions, newest first; see `tags` for `patience_seconds`.

        With `environment`, of those that are or were in it; UsageError if there is none, or if
        `after` is no version. One listing of the tags, and O(log n) requests for each version on
        the page that an environment with rollbacks had before.
        """
        if environment is not None:
            environment = self._runner.path.environment(environment).name
        tags = self.tags(statuses, patience_seconds)
        every = select_versions(tags, statuses, environment)
        if after is not None and after not in every:
            parse_version(after)
        shown = page_of(every, limit + 1, after)
        rows = self.place(tags, statuses, shown[:limit])
        return VersionPage(rows, len(every), shown[limit - 1] if len(shown) > limit else None)

    def place(
        self, tags: VersionTags, statuses: Statuses, versions: Sequence[str]
    ) -> tuple[VersionRow, ...]:
        """Find the places of `versions`, with those from which they were rolled back."""
        rows = place_versions(self._runner.path, tags, statuses, versions)
        withdrawn = self._withdrawn(rows, tags, statuses)
        if not withdrawn:
            return rows
        return place_versions(self._runner.path, tags, statuses, versions, withdrawn)

    def before(self, environment: str) -> str:
        """
        Find the version that ran before the promotion of the running one, or before that.

        It is not in quarantine. VersionNotPromotedError if the newest 50 records have none.
        """
        entries = self._runner.ledger.history(environment, _MOVES)
        records = [each.record for each in entries]
        moves = [each for each in records if isinstance(each, PromotionRecord | RollbackRecord)]
        running = version = moves[0].version if moves else None
        held = {each.version for each in entries[0].state.quarantined} if entries else set()
        for move, older in pairwise(moves):
            # A rollback returns to a version, so only its promotion has a version before.
            if isinstance(move, PromotionRecord) and move.version == version:
                version = older.version
                if version != running and version not in held:
                    return version
        raise VersionNotPromotedError(f"'{environment}' has no earlier version to roll back to")

    def search(self, text: str, limit: int, patience_seconds: float) -> tuple[VersionRow, ...]:
        """
        Find at most `limit` versions that contain `text`, newest first, in the last listing.

        Empty if the first listing takes longer than `patience_seconds`, RegistryError if it fails.
        Rollbacks without a quarantine are not looked up.
        """
        listed = self._current(None, patience_seconds)
        if listed is None:
            return ()
        every = select_versions(listed.tags, listed.statuses)
        found = [each for each in every if text.casefold() in each.casefold()][:limit]
        return place_versions(self._runner.path, listed.tags, listed.statuses, found)

    def tags(self, statuses: Statuses, patience_seconds: float | None = None) -> VersionTags:
        """
        List the versions that have tags, which were listed after the moves that `statuses` show.

        An older listing is returned while a new one takes longer than `patience_seconds`, or fails.
        RegistryError without any listing.
        """
        listed = self._current(statuses, patience_seconds)
        return listed.tags if listed else self._begun(statuses).result().tags

    def add_published(self, rows: tuple[EnvironmentStatus, ...]) -> tuple[EnvironmentStatus, ...]:
        """
        Add to `rows` the newest version that the build published into the first environment, if
        nothing was ever promoted there: one listing of the tags. `rows` if they cannot be listed.
        """
        first = self._runner.path.entry.name
        if not any(row.name == first and row.awaits_build for row in rows):
            return rows
        try:
            newest = self.tags(rows).newest_in(first)
        except RegistryError:
            return rows
        return tuple(replace(r, published=newest) if r.name == first else r for r in rows)

    def prepare(self) -> None:
        """Begin a listing in the background for a search that follows, if the last one is old."""
        known = self._known
        if known is None or self._is_due(known, None):
            self._begun(None)

    def expire(self) -> None:
        """List the tags for the next reader again."""
        self._expired = True

    def _current(self, statuses: Statuses | None, patience_seconds: float | None) -> _Listed | None:
        """The newest listing that there is after `patience_seconds`; None without one."""
        known = self._known
        if known is not None and not self._is_due(known, statuses):
            return known
        begun = time.monotonic()
        listing = self._begun(statuses)
        wait([listing], patience_seconds)
        if self._began_too_early(listing, statuses):
            listing = self._begun(statuses)
            spent = time.monotonic() - begun
            wait([listing], patience_seconds and max(patience_seconds - spent, 0))
        failed = listing.done() and listing.exception() is not None
        if failed and self._known is None:
            listing.result()
        return self._known

    def _began_too_early(self, listing: "Future[_Listed]", statuses: Statuses | None) -> bool:
        """Whether another reader began `listing`, before the moves that `statuses` show."""
        if not listing.done() or listing.exception() is not None:
            return False
        return self._is_due(listing.result(), statuses)

    def _is_due(self, known: _Listed, statuses: Statuses | None) -> bool:
        old = self._runner.clock.now() - known.at > _FRESH
        moved = statuses is not None and _moves(statuses) != _moves(known.statuses)
        return old or moved or self._expired

    def _begun(self, statuses: Statuses | None) -> "Future[_Listed]":
        with self._lock:
            if self._listing is None or self._listing.done():
                self._expired = False
                if statuses is None:
                    self._listing = self._submit(lambda: self._list(self._read()))
                else:
                    self._listing = self._runner.pool.submit(self._list, statuses)
            return self._listing

    def _list(self, statuses: Statuses) -> _Listed:
        runner, now = self._runner, self._runner.clock.now()
        tags = runner.registry.tags()
        ledgers = {each[0] for each in map(runner.ledger.parse_tag, tags) if each}
        self._known = _Listed(read_version_tags(runner.path, tags, ledgers), statuses, now)
        return self._known

    def _withdrawn(
        self, rows: Sequence[VersionRow], tags: VersionTags, statuses: Statuses
    ) -> frozenset[Place]:
        """The places of `rows` that were rolled back from their version."""
        moves = {row.name: row.state.record for row in statuses}
        asked = [
            (moves[each.environment], (row.version, each.environment))
            for row in rows
            for each in row.places
            if each.presence in (Presence.WAS, Presence.PUBLISHED)
            and each.environment in tags.rolled_back
        ]
        # Other threads may replace the cache, which is never changed.
        cached = self._rollbacks
        unknown = [each for each in asked if each not in cached]
        names = sorted({name for _, (_, name) in unknown})
        pool, ledger = self._runner.pool, self._runner.ledger
        heads = dict(zip(names, pool.map(ledger.head, names), strict=True))
        found = pool.map(lambda each: self._was_left(heads[each[1][1]], *each[1]), unknown)
        # Only another move of the environment can change them.
        new = dict(zip(unknown, found, strict=True))
        known = cached | new
        self._rollbacks = known if len(known) <= _KEPT_ROLLBACKS else new
        return frozenset(each[1] for each in asked if known[each])

    def _was_left(self, head: LedgerEntry | None, version: str, name: str) -> bool:
        """Whether the newest move about `version` in the ledger of `head` rolled back from it."""
        runner = self._runner
        digest = runner.registry.resolve(runner.path.environment(name).tag(Version(version)))
        if head is None or digest is None:
            return False
        return find_rollback(runner.ledger, head, str(digest)) is not None


def _moves(statuses: Statuses) -> tuple[str | None, ...]:
    """The records of the moves that brought the running versions."""
    return tuple(row.state.record for row in statuses)
