"""The error for a version that its source does not have, with the nearest versions."""

from engine.domain.artifact import Tag, Version, nearest_versions
from engine.domain.environment import Environment
from engine.domain.errors import ArtifactNotFoundError
from engine.domain.path import NO_ENVIRONMENT, PromotionPath, TagReading


def not_found_error(
    path: PromotionPath,
    version: Version,
    target: Environment,
    repository: str,
    tags: tuple[Tag, ...],
) -> ArtifactNotFoundError:
    """Build the error for a promotion of `version` to `target`; `repository` has only `tags`."""
    sources = path.sources(target.name)
    wanted = [each.tag(version) for each in sources] or [version.tag]
    missing = "' or '".join(map(str, wanted))
    near = nearest_versions(version, _versions_in(path, sources, tags))
    hint = f"Nearest there: {', '.join(map(str, near))}" if near else "There are no versions"
    published = target.tag(version)
    if reached := _reached(path, version, tags):
        hint = reached
    if not sources and published in tags:
        hint = f"A build published '{published}' already, so {target} needs no promotion"
    return ArtifactNotFoundError(
        f"There is no '{missing}' in {repository}. {hint}",
        {
            "tag": str(wanted[0]),
            "nearest": [str(each) for each in near],
            "environments": _having(path, version, tags),
        },
    )


def _reached(path: PromotionPath, version: Version, tags: tuple[Tag, ...]) -> str:
    """Where the version is, and the command that takes it further; empty if it is nowhere."""
    having = _having(path, version, tags)
    ready = (
        each.name
        for each in path.environments
        if each.name not in having and {s.name for s in path.sources(each.name)} & {*having}
    )
    following = next(ready, None)
    if following is None:
        return ""
    return (
        f"{version} is in {', '.join(having)}. Promote it to {following} first: "
        f"floe platform promote {version} --to {following}"
    )


def _having(path: PromotionPath, version: Version, tags: tuple[Tag, ...]) -> list[str]:
    return [each.name for each in path.environments if _has(each, version, tags)]


def _has(place: Environment, version: Version, tags: tuple[Tag, ...]) -> bool:
    """Whether `version` has a tag in `place`, where the tag may be too long to exist."""
    try:
        return place.tag(version) in tags
    except ValueError:
        return False


def _versions_in(
    path: PromotionPath, sources: tuple[Environment, ...], tags: tuple[Tag, ...]
) -> list[Version]:
    """All versions that one of the sources has."""
    wanted = {each.name for each in sources} or {NO_ENVIRONMENT}
    readings = [path.read(tag) or _parse_build_tag(tag) for tag in tags]
    return [r.version for r in readings if r and r.environment in wanted and not r.rollback]


def _parse_build_tag(tag: Tag) -> TagReading | None:
    """Parse a tag that the build pushed: a version without an environment."""
    try:
        return TagReading(Version(tag.name), NO_ENVIRONMENT)
    except ValueError:
        return None
