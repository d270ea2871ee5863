"""Compares versions and artifacts, for one command or for the many readers of a server."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

from engine.context.comparison import compare_releases
from engine.domain.artifact import Digest, Tag, Version
from engine.domain.errors import ArtifactNotFoundError
from engine.domain.impact.analysis import impact_analysis
from engine.domain.impact.comparison import (
    Comparison,
    ContentDelta,
    compare_content,
    describe_version,
)
from engine.domain.impact.content import read_content
from engine.domain.impact.delta import Delta, Release
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.scan import findings_of
from engine.domain.status import EnvironmentStatus
from engine.execution.runner import Runner

FindScan = Callable[[Version, Digest], str | None]
_KEPT = 64
# A build may attach its SBOM later.
_RELEASES_SECONDS = 300


class VersionComparer:
    """
    Compares versions and artifacts, and caches the results; those with SBOMs for five minutes.

    `find` returns the artifact of a version, or raises ArtifactNotFoundError.
    """

    def __init__(self, runner: Runner, find: Callable[[Version], tuple[Tag, Manifest]]) -> None:
        self._runner = runner
        self._find = find
        self._content = lru_cache(_KEPT)(partial(_compare_content, runner))
        self._releases = lru_cache(_KEPT)(partial(_compare_releases, runner))

    def versions(
        self,
        before: Version,
        after: Version,
        statuses: Sequence[EnvironmentStatus],
        find_scan: FindScan | None = None,
    ) -> Comparison:
        """
        Compare the artifacts of two versions, as `statuses` show where they run.

        `find_scan` returns the digest of the newest kept scan of an artifact; without it, the
        ledgers are searched, in O(log n) requests for each environment. ArtifactNotFoundError if
        there is no such version, RegistryError if one cannot be read.
        """
        old, new = (self._find(each)[1] for each in (before, after))
        same = old.digest == new.digest
        return Comparison(
            before=describe_version(before, old, _running(statuses, old.digest)),
            after=describe_version(after, new, _running(statuses, new.digest)),
            delta=None if same else self._delta((before, old), (after, new), find_scan),
            content=None if same else self._content(old.digest, new.digest),
        )

    def content(self, before: Digest, after: Digest) -> ContentDelta:
        """Compare the layers and annotations of two artifacts; see `versions` for the errors."""
        return self._content(before, after)

    def _delta(
        self,
        before: tuple[Version, Manifest],
        after: tuple[Version, Manifest],
        find_scan: FindScan | None,
    ) -> Delta:
        find = find_scan or self._find_scan
        old, new = (
            Release(str(version), manifest.digest, find(version, manifest.digest))
            for version, manifest in (before, after)
        )
        period = int(self._runner.clock.now().timestamp() // _RELEASES_SECONDS)
        return self._releases(old, new, period)

    def _find_scan(self, version: Version, digest: Digest) -> str | None:
        """Find the kept scan of the newest promotion that has one."""
        ledger, pool = self._runner.ledger, self._runner.pool

        def promotion(head: LedgerEntry | None) -> LedgerEntry | None:
            return head and ledger.find_promotion(head, digest, str(version))

        heads = pool.map(ledger.head, self._runner.path.names)
        records = [each.record for each in pool.map(promotion, heads) if each]
        newest = sorted(records, key=lambda record: record.at, reverse=True)
        return next(filter(None, map(findings_of, newest)), None)


def _running(statuses: Sequence[EnvironmentStatus], digest: Digest) -> tuple[str, ...]:
    return tuple(row.name for row in statuses if row.latest == digest)


def _compare_content(runner: Runner, before: Digest, after: Digest) -> ContentDelta:
    old, new = (_fetch(runner, each) for each in (before, after))
    blob = runner.registry.blob
    impact = impact_analysis(
        read_content(old, blob), read_content(new, blob), (), runner.clock.now()
    )
    return compare_content(old, new, impact)


def _fetch(runner: Runner, digest: Digest) -> Manifest:
    manifest = runner.registry.fetch(digest)
    if manifest is None:
        raise ArtifactNotFoundError(f"{digest.short} is no longer in {runner.registry.reference}")
    return manifest


def _compare_releases(runner: Runner, before: Release, after: Release, _period: int) -> Delta:
    return compare_releases(runner.registry, before, after)
