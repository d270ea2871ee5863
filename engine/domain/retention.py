"""The tags that a cleanup of the registry must keep, and rules for systems that clean up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from engine.domain.current import Artifact
from engine.domain.errors import UsageError

# Ledgers, policies and checkpoints; signatures and other attachments; the running versions.
_SHARED = ("floe-*", "sha256-*", "latest-*")
# AWS: a policy has at most 50 rules. One of them is left for the expiry itself.
_MOST_RULES = 49
# A count that no repository reaches, so that a rule of Amazon ECR expires nothing.
_NEVER = 1_000_000


@dataclass(frozen=True, slots=True)
class Retained:
    """The versions of an environment: the running one, then those to which it can return."""

    environment: str
    versions: tuple[Artifact, ...]


@dataclass(frozen=True, slots=True)
class Build:
    """A build to keep by name; one that was `promoted` shares its content with a tag in there."""

    tag: str
    promoted: bool


@dataclass(frozen=True, slots=True)
class Retention:
    """The tags that a cleanup must keep: those that match `patterns`, and the `builds`."""

    keep: int
    environments: tuple[Retained, ...]
    patterns: tuple[str, ...]
    builds: tuple[Build, ...]

    @property
    def tags(self) -> tuple[str, ...]:
        return (*self.patterns, *(each.tag for each in self.builds))


def patterns_of(environments: Iterable[str]) -> tuple[str, ...]:
    """Patterns of all tags of `environments`, and of all records."""
    own = (tag for name in environments for tag in (f"*-{name}", f"*-{name}-rollback-*"))
    return (*_SHARED, *own)


def cleanup_rules(kept: Retention, reference: str, system: str | None) -> JsonValue:
    """
    The rules for `system` and the repository `reference`; None without a system.

    UsageError for a repository that the system cannot clean up, or for more rules than it has.
    """
    if system is None:
        return None
    host, _, repository = reference.partition("/")
    # The first part is the project of Harbor and the repository key of Artifactory.
    key, _, image = repository.partition("/")
    if not host:
        raise UsageError(
            f"{reference} is a directory, which {system} does not clean up: leave out --format"
        )
    if system == "ecr":
        return _ecr_rules(kept)
    if not image:
        first = "project" if system == "harbor" else "repository key"
        raise UsageError(
            f"{reference} names no image after the {first}: set the URI of the registry to "
            f"oci://<host>/<{first}>/<image>, or leave out --format"
        )
    return _harbor_rules(kept, image) if system == "harbor" else _artifactory_spec(kept, key, image)


def _harbor_rules(kept: Retention, image: str) -> JsonValue:
    """Rules of a tag retention policy, as in the API: tags that one of them selects stay."""
    count = max(kept.keep, 1)
    return [
        _harbor_rule(image, "always", {}, "matches", kept.tags),
        # Builds that are published after these rules were written.
        _harbor_rule(image, "latestPushedK", {"latestPushedK": count}, "excludes", kept.patterns),
    ]


def _harbor_rule(
    image: str, template: str, params: JsonValue, decoration: str, patterns: Sequence[str]
) -> JsonValue:
    selected = "{" + ",".join(patterns) + "}"
    scope: JsonValue = {"kind": "doublestar", "decoration": "repoMatches", "pattern": image}
    return {
        "action": "retain",
        "template": template,
        "params": params,
        "tag_selectors": [{"kind": "doublestar", "decoration": decoration, "pattern": selected}],
        "scope_selectors": {"repository": [scope]},
    }


def _ecr_rules(kept: Retention) -> JsonValue:
    """
    Rules of a lifecycle policy of Amazon ECR, for its first priorities.

    A lifecycle policy can only expire. An image that a rule selects is safe from later rules, so
    each rule selects one pattern and expires nothing: several in one rule would all have to match.
    All tags of an image are safe together, so builds that were promoted need no rule.
    """
    patterns = (*kept.patterns, *(each.tag for each in kept.builds if not each.promoted))
    if len(patterns) > _MOST_RULES:
        raise UsageError(
            f"{len(patterns)} patterns need more rules than a lifecycle policy of Amazon ECR "
            f"has ({_MOST_RULES}): give a smaller --keep, or keep all tags"
        )
    return {
        "rules": [
            {
                "rulePriority": number,
                "description": f"floe keeps {pattern}",
                "selection": {
                    "tagStatus": "tagged",
                    "tagPatternList": [pattern],
                    "countType": "imageCountMoreThan",
                    "countNumber": _NEVER,
                },
                "action": {"type": "expire"},
            }
            for number, pattern in enumerate(patterns, 1)
        ]
    }


def _artifactory_spec(kept: Retention, key: str, image: str) -> JsonValue:
    """
    A file spec of the JFrog CLI that finds the tags which may be deleted.

    Manifests without a tag are in a folder with the name of their digest: platforms of an index,
    signatures, ledger entries. Other images can be in deeper folders: `*` matches a slash too.
    """
    spared = (*kept.tags, "sha256:*", "*/*")
    unmatched: list[JsonValue] = [{"path": {"$nmatch": f"{image}/{each}"}} for each in spared]
    found: JsonValue = {
        "repo": key,
        "name": "manifest.json",
        "path": {"$match": f"{image}/*"},
        "$and": unmatched,
    }
    return {"files": [{"aql": {"items.find": found}}]}
