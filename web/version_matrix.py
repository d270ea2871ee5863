"""The version matrix: where each version is, was, goes, or failed to go."""

from collections.abc import Sequence

from engine.domain.change import Change
from engine.domain.errors import PromotionError, RegistryError
from engine.domain.versions import (
    VersionPage,
    VersionRow,
    VersionTags,
    newest_first,
    page_of,
    place_versions,
    select_versions,
    with_changes,
)
from web.dashboard import failures
from web.site import Site
from web.status_cache import Seen

_VERSIONS = 20
# On the card of the first environment.
_NEWEST = 5
_CHANGES = 200
# Of the copy of the records, while the registry cannot list its tags.
_RECORDED = 500
_PATIENCE_SECONDS = 2.0


def grid(site: Site, seen: Seen, after: str | None = None) -> VersionPage:
    """
    Return a page of versions, newest first; the first page has those that run or move, too.

    StoreUnavailableError if neither the registry nor the copy of the records can be read.
    """
    tags = _tags(site, seen)
    every = select_versions(tags, seen.rows)
    shown = page_of(every, _VERSIONS + 1, after)
    following = shown[_VERSIONS - 1] if len(shown) > _VERSIONS else None
    versions = shown[:_VERSIONS]
    if after is None:
        moving = (change.version for change in seen.pending if not change.waiver)
        live = (each for row in seen.rows for each in (row.deployed_version, row.state.version))
        versions = newest_first((*versions, *moving, *filter(None, live)))
    return VersionPage(_rows(site, seen, tags, versions), len(every), following)


def newest(site: Site, seen: Seen) -> VersionPage | None:
    """Return the newest versions; None while nothing is known of them."""
    if not seen.rows:
        return None
    try:
        tags = site.platform.engine.versions.tags(seen.rows, _PATIENCE_SECONDS)
    except RegistryError:
        return None
    every = select_versions(tags, seen.rows)
    return VersionPage(_rows(site, seen, tags, every[:_NEWEST]), len(every))


def _rows(
    site: Site, seen: Seen, tags: VersionTags, versions: Sequence[str]
) -> tuple[VersionRow, ...]:
    """Place `versions`; without their rollbacks while the registry cannot be read."""
    engine = site.platform.engine
    try:
        rows = engine.versions.place(tags, seen.rows, versions)
    except RegistryError:
        rows = place_versions(engine.path, tags, seen.rows, versions)
    return with_changes(rows, seen.pending, recent_failures(site))


def recent_failures(site: Site) -> tuple[Change, ...]:
    """Return the newest failed changes; none while the store cannot be read."""
    try:
        return failures(site, _CHANGES)
    except PromotionError:
        return ()


def _tags(site: Site, seen: Seen) -> VersionTags:
    try:
        return site.platform.engine.versions.tags(seen.rows, _PATIENCE_SECONDS)
    except RegistryError:
        kept = site.records.store
        versions = kept.versions(_RECORDED)
        placed = kept.find_placements(versions)
        return VersionTags(
            {each: {name for v, name in placed if v == each} for each in newest_first(versions)}
        )
