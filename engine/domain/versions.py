"""The versions in a repository, and where each of them is, was, or can go next."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum

from engine.domain.artifact import Tag, Version
from engine.domain.change import Change
from engine.domain.environment import Environment
from engine.domain.path import NO_ENVIRONMENT, PromotionPath
from engine.domain.status import EnvironmentStatus

# A pair of a version and the name of an environment.
Place = tuple[str, str]


class Presence(StrEnum):
    """The state of a version in an environment."""

    LIVE = "live"
    EXPECTED = "should be live"
    IN_FLIGHT = "in flight"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    ROLLED_BACK = "rolled back"
    WAS = "was here"
    PUBLISHED = "published"
    UNKNOWN = "unknown"
    NEVER = "never reached"


_WORDS = {
    Presence.LIVE: "live in",
    Presence.EXPECTED: "should be live in",
    Presence.IN_FLIGHT: "on the way to",
    Presence.FAILED: "failed for",
    Presence.QUARANTINED: "quarantined in",
    Presence.ROLLED_BACK: "rolled back in",
    Presence.WAS: "was in",
    Presence.UNKNOWN: "unknown in",
}


@dataclass(frozen=True, slots=True)
class VersionPlace:
    """The state of one version in one environment; `change` is the ID of its change, if any."""

    environment: str
    presence: Presence
    change: str | None = None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """
    A version, and its places in the order of the path.

    `promotable_to` has the environments to which the path lets it go next. Locks, gates, freeze
    windows and rights can still refuse it.
    """

    version: str
    places: tuple[VersionPlace, ...]
    promotable_to: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """The places for people; see `describe_places`."""
        return describe_places((each.environment, each.presence) for each in self.places)


@dataclass(frozen=True, slots=True)
class VersionPage:
    """A page of `rows`, newest versions first; `next` is the `after` of the next page, if any."""

    rows: tuple[VersionRow, ...]
    total: int
    next: str | None = None


@dataclass(frozen=True, slots=True)
class VersionTags:
    """
    The versions that have tags, newest first, each with the environments whose tags it has.

    `none` among them stands for the version's own tag, which the build pushed. `rolled_back` has
    the environments with tags of rollbacks.
    """

    environments: Mapping[str, Set[str]] = field(default_factory=dict)
    rolled_back: Set[str] = frozenset()

    def newest_in(self, environment: str) -> str | None:
        """The newest version with a tag in `environment`; None without one."""
        return next((v for v, names in self.environments.items() if environment in names), None)


def version_order(text: str) -> tuple[object, ...]:
    """The sort key of a version: other texts, from foreign records, come before all versions."""
    try:
        return (1, *Version(text).precedence, text)
    except ValueError:
        return (0, text)


def newest_first(versions: Iterable[str]) -> tuple[str, ...]:
    """Sort `versions` by `version_order`, the newest first, each once."""
    return tuple(sorted(set(versions), key=version_order, reverse=True))


def read_version_tags(
    path: PromotionPath, tags: Iterable[Tag], removed: Iterable[str] = ()
) -> VersionTags:
    """
    Parse `tags`; those that name no version are left out.

    `removed` are environments that left the path, whose tags would otherwise look like versions:
    `v1.0.0-qa` is one of semantic versioning.
    """
    gone = tuple(Environment(name) for name in removed if name not in path.names)
    reader = PromotionPath((*path.environments, *gone))
    found: dict[str, set[str]] = {}
    returned = set()
    for tag in tags:
        reading = reader.read(tag)
        if reading is None:
            if is_version(tag.name):
                found.setdefault(tag.name, set()).add(NO_ENVIRONMENT)
        elif reading.environment in path.names:
            found.setdefault(str(reading.version), set()).add(reading.environment)
            if reading.rollback:
                returned.add(reading.environment)
    ordered = {version: found[version] for version in newest_first(found)}
    return VersionTags(ordered, frozenset(returned))


def select_versions(
    tags: VersionTags, statuses: Iterable[EnvironmentStatus], environment: str | None = None
) -> tuple[str, ...]:
    """List the versions, newest first; with `environment`, those that are or were in it."""
    rows = [row for row in statuses if environment in (None, row.name)]
    running = {row.state.version for row in rows if row.state.version}
    tagged = [v for v, names in tags.environments.items() if environment in (None, *names)]
    untagged = running.difference(tagged)
    return newest_first((*tagged, *untagged)) if untagged else tuple(tagged)


def page_of(versions: tuple[str, ...], limit: int, after: str | None) -> tuple[str, ...]:
    """The newest `limit` of `versions` (sorted), of those older than `after` if it is given."""
    if after in versions:
        versions = versions[versions.index(after) + 1 :]
    elif after is not None:
        end = version_order(after)
        versions = tuple(each for each in versions if version_order(each) < end)
    return versions[:limit]


def place_versions(
    path: PromotionPath,
    tags: VersionTags,
    statuses: Iterable[EnvironmentStatus],
    versions: Iterable[str],
    withdrawn: Set[Place] = frozenset(),
) -> tuple[VersionRow, ...]:
    """Find the places of `versions`; `withdrawn` are those from which they were rolled back."""
    known = {row.name: row for row in statuses}

    def row_of(version: str) -> VersionRow:
        names = tags.environments.get(version, frozenset())
        places = tuple(
            VersionPlace(
                each.name,
                Presence.ROLLED_BACK
                if (version, each.name) in withdrawn
                else _presence(path, known.get(each.name), names, version),
            )
            for each in path.environments
        )
        return VersionRow(version, places, tuple(_following(path, known, names, places, version)))

    return tuple(map(row_of, versions))


def with_changes(
    rows: Iterable[VersionRow], pending: Iterable[Change], failed: Iterable[Change] = ()
) -> tuple[VersionRow, ...]:
    """Show where changes bring versions, or `failed` to bring one that never was there."""
    flights = {(each.version, each.target): each.id for each in pending}
    failures = {(each.version, each.target): each.id for each in failed}

    def changed(place: VersionPlace, version: str) -> VersionPlace:
        key = (version, place.environment)
        if key in flights:
            return replace(place, presence=Presence.IN_FLIGHT, change=flights[key])
        if key in failures and place.presence in (Presence.NEVER, Presence.PUBLISHED):
            return replace(place, presence=Presence.FAILED, change=failures[key])
        return place

    return tuple(
        replace(row, places=tuple(changed(each, row.version) for each in row.places))
        for row in rows
    )


def describe_places(places: Iterable[tuple[str, str]]) -> str:
    """Pairs of environment and state in words: `live in staging; quarantined in prod`."""
    groups: dict[Presence, list[str]] = {}
    for name, state in places:
        groups.setdefault(Presence(state), []).append(name)
    words = [f"{w} {', '.join(groups[each])}" for each, w in _WORDS.items() if each in groups]
    return "; ".join(words) or "published"


def _presence(
    path: PromotionPath, row: EnvironmentStatus | None, names: Set[str], version: str
) -> Presence:
    """Where `version`, which has tags of the environments `names`, stands in that of `row`."""
    if row is None or not row.known:
        return Presence.UNKNOWN
    if version == row.deployed_version:
        return Presence.LIVE
    if version == row.state.version:
        return Presence.EXPECTED
    if any(each.version == version for each in row.state.quarantined):
        return Presence.QUARANTINED
    if row.name == path.entry.name:
        # Builds leave no record: only a version with a tag of its own was promoted there.
        promoted = {NO_ENVIRONMENT, row.name} <= names and row.state.digest is not None
        return Presence.WAS if promoted else Presence.PUBLISHED
    return Presence.WAS if row.name in names else Presence.NEVER


def _following(
    path: PromotionPath,
    known: Mapping[str, EnvironmentStatus],
    names: Set[str],
    places: tuple[VersionPlace, ...],
    version: str,
) -> Iterator[str]:
    """The environments to which `version` can go next."""
    held = {each.environment for each in places if each.presence is Presence.QUARANTINED}
    left = {each.environment for each in places if each.presence is Presence.ROLLED_BACK}
    for target in path.environments:
        row, sources = known.get(target.name), {each.name for each in path.sources(target.name)}
        having = [name in names for name in sources or {NO_ENVIRONMENT}]
        reached = any(having) if target.any_source else all(having)
        if not reached or target.name in names or row is None or not row.known:
            continue
        if row.state.version == version:
            continue
        stopped = held & (path.required(target.name) | sources | {target.name}) or left & sources
        if not stopped and not _is_older(version, row):
            yield target.name


def _is_older(version: str, row: EnvironmentStatus) -> bool:
    """Whether the environment of `row` runs a newer version; other texts have no order."""
    return not is_version(version) or row.state.runs_newer_than(Version(version))


def is_version(text: str) -> bool:
    """Whether `text` is a semantic version, as versions that can be promoted are."""
    try:
        Version(text)
    except ValueError:
        return False
    return True
