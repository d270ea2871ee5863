"""The promotion path, and the parsing of its tags."""

import re
from dataclasses import dataclass

from engine.domain.artifact import Tag, Version
from engine.domain.environment import Environment
from engine.domain.errors import InvalidTransitionError, UsageError

# The source of promotions into the first environment: the version's own tag, pushed by the build.
NO_ENVIRONMENT = "none"
_ROLLBACK = re.compile(r"(?P<tag>.+)-rollback-(?P<number>[1-9][0-9]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class TagReading:
    """A parsed environment tag; `rollback` is its number, 0 for the tag of a promotion."""

    version: Version
    environment: str
    rollback: int = 0


@dataclass(frozen=True, slots=True)
class PromotionPath:
    """The ordered environments, for example dev, staging, prod (FR-001)."""

    environments: tuple[Environment, ...]

    def __str__(self) -> str:
        return " -> ".join(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(environment.name for environment in self.environments)

    @property
    def entry(self) -> Environment:
        """The first environment; builds publish into it."""
        return self.environments[0]

    def environment(self, name: str) -> Environment:
        """The environment `name`; UsageError that lists the environments if there is none."""
        for environment in self.environments:
            if environment.name == name:
                return environment
        raise UsageError(
            f"'{name}' is not an environment. Environments: {', '.join(self.names)}",
            {"environment": name, "environments": list(self.names)},
        )

    def before(self, target: str) -> Environment | None:
        """The environment before `target`; None for the first one, which builds publish into."""
        place = self.environments.index(self.environment(target))
        return self.environments[place - 1] if place else None

    def step(self, source: str, target: str) -> tuple[Environment | None, Environment]:
        """
        Resolve source and target; `source` may be `none` (FR-001).

        InvalidTransitionError (9) unless `target` comes right after `source`.
        """
        if source != NO_ENVIRONMENT:
            self.environment(source)
        before = self.before(target)
        if source != (before.name if before else NO_ENVIRONMENT):
            raise InvalidTransitionError(
                f"Cannot promote from '{source}' to '{target}'. Required path: {self}",
                {"source": source, "target": target, "path": list(self.names)},
            )
        return before, self.environment(target)

    def read(self, tag: Tag) -> TagReading | None:
        """
        Parse `tag`; None if it is not an environment tag of this path.

        A tag belongs to the environment with the longest matching name, so that `prod` and
        `pre-prod` can both exist.
        """
        rolled = _ROLLBACK.fullmatch(tag.name)
        if rolled:
            inner = self._read_plain(rolled["tag"])
            if inner:
                return TagReading(inner.version, inner.environment, int(rolled["number"]))
        return self._read_plain(tag.name)

    def _read_plain(self, name: str) -> TagReading | None:
        for environment in sorted(self.names, key=len, reverse=True):
            if name.endswith(f"-{environment}"):
                try:
                    return TagReading(Version(name.removesuffix(f"-{environment}")), environment)
                except ValueError:
                    return None
        return None
