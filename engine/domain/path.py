"""The promotion path, and the parsing of its tags."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.domain.artifact import Tag, Version
from engine.domain.environment import Environment
from engine.domain.errors import InvalidTransitionError, UsageError
from engine.domain.text import closest_match
from engine.domain.windows import Window

# The source of promotions into the first environment: the version's own tag, pushed by the build.
NO_ENVIRONMENT = "none"
_ROLLBACK = re.compile(r"(?P<tag>.+)-rollback-(?P<number>[1-9][0-9]*)", re.ASCII)


def unknown_environment(name: str, names: Sequence[str]) -> UsageError:
    """The error for `name`, which is not one of the environments `names`."""
    match = closest_match(name, names)
    hint = f" Did you mean {match}?" if match else ""
    return UsageError(
        f"'{name}' is not an environment.{hint} Environments: {', '.join(names)}",
        {"environment": name, "environments": list(names)},
    )


@dataclass(frozen=True, slots=True)
class TagReading:
    """A parsed environment tag; `rollback` is its number, 0 for the tag of a promotion."""

    version: Version
    environment: str
    rollback: int = 0


@dataclass(frozen=True, slots=True)
class PromotionPath:
    """
    The environments, for example dev, staging, prod (FR-001), each after those it names.

    Their order is that of the list; without `after` an environment follows the one before it.
    """

    environments: tuple[Environment, ...]

    def __post_init__(self) -> None:
        for place, each in enumerate(self.environments):
            if any(name not in self.names[:place] for name in each.after):
                raise ValueError(f"{each} comes after an environment that is not before it")

    def __str__(self) -> str:
        return self.show("->")

    def show(self, arrow: str) -> str:
        """Write the path as text; a branch begins after a semicolon."""
        chains = [self.entry.name]
        last: str = self.entry.name
        for each in self.environments[1:]:
            source = self.source(each.name)
            chains.append(f" {arrow} {each}" if source == last else f"; {source} {arrow} {each}")
            last = each.name
        return "".join(chains)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(environment.name for environment in self.environments)

    @property
    def windows(self) -> tuple[Window, ...]:
        """The freeze windows of all environments, each once."""
        return tuple(dict.fromkeys(each for place in self.environments for each in place.windows))

    @property
    def entry(self) -> Environment:
        """The first environment; builds publish into it."""
        return self.environments[0]

    def environment(self, name: str) -> Environment:
        """The environment `name`; UsageError that lists the environments if there is none."""
        for environment in self.environments:
            if environment.name == name:
                return environment
        raise unknown_environment(name, self.names)

    @property
    def branches(self) -> bool:
        """Whether an environment does not only follow the one before it in the list."""
        return any(each.after for each in self.environments)

    def sources(self, target: str) -> tuple[Environment, ...]:
        """The environments right before `target`; none for the first one, which builds fill."""
        environment = self.environment(target)
        if environment.after:
            return tuple(self.environment(name) for name in environment.after)
        place = self.environments.index(environment)
        return self.environments[place - 1 : place] if place else ()

    def source(self, target: str) -> str:
        """The sources of `target` as one text: `none`, `staging`, `eu and us` or `eu or us`."""
        word = " or " if self.environment(target).any_source else " and "
        return word.join(each.name for each in self.sources(target)) or NO_ENVIRONMENT

    def required(self, target: str) -> frozenset[str]:
        """The environments that each version must pass before `target`."""
        passed: dict[str, frozenset[str]] = {}
        for each in self.environments:
            ways = [passed[source.name] | {source.name} for source in self.sources(each.name)]
            join = frozenset.intersection if each.any_source else frozenset.union
            passed[each.name] = join(*ways) if ways else frozenset()
        return passed[target]

    def conditions(self, target: str) -> frozenset[frozenset[str]]:
        """Groups of environments: each version must pass one of each group before `target`."""
        required = self.required(target)
        choices = [each for each in (*required, target) if self.environment(each).any_source]
        return frozenset(
            {
                *(frozenset({name}) for name in required),
                *(frozenset(source.name for source in self.sources(each)) for each in choices),
            }
        )

    def passes(self, target: str, names: Collection[str]) -> bool:
        """Whether each version must pass one of `names` before `target`."""
        passed: dict[str, bool] = {}
        for each in self.environments:
            join = all if each.any_source else any
            sources = self.sources(each.name)
            passed[each.name] = bool(sources) and join(
                source.name in names or passed[source.name] for source in sources
            )
        return passed[target]

    def later(self, name: str) -> tuple[str, ...]:
        """The environments that versions can reach from `name`, in the order of the path."""
        found: list[str] = []
        for each in self.environments:
            if any(source.name in (name, *found) for source in self.sources(each.name)):
                found.append(each.name)
        return tuple(found)

    def quarantining(self, target: str) -> tuple[str, ...]:
        """The environments whose quarantines count in `target`: the first only right before it."""
        near = {self.entry.name}.intersection(each.name for each in self.sources(target))
        before = (name for name in self.names if target in self.later(name))
        return tuple(name for name in before if name != self.entry.name or near)

    def step(self, source: str, target: str) -> str:
        """
        Check a step, and return the `source` of `target`; one of several may be given (FR-001).

        InvalidTransitionError (9) unless `target` comes right after `source`.
        """
        expected = self.source(target)
        if source not in (expected, *(each.name for each in self.sources(target))):
            if source != NO_ENVIRONMENT:
                self.environment(source)
            raise InvalidTransitionError(
                f"Cannot promote from '{source}' to '{target}'. Required path: {self}",
                {"source": source, "target": target, "path": list(self.names)},
            )
        return expected

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
