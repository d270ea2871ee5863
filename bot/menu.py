"""The products that a typed command can name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.domain.path import PromotionPath
from engine.domain.product import UNNAMED


@dataclass(frozen=True, slots=True)
class Menu:
    """
    The paths of products by name, and the product that a command means without a name.

    With one manifest, this is the product without a name; `default` is None if several are
    possible. `broken` are products that cannot be used, with the reason.
    """

    paths: Mapping[str, PromotionPath]
    default: str | None
    broken: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, path: PromotionPath) -> "Menu":
        """The menu where there is one manifest."""
        return cls({UNNAMED: path}, UNNAMED)

    @property
    def several(self) -> bool:
        """Whether products have names."""
        return UNNAMED not in self.paths

    @property
    def environments(self) -> frozenset[str]:
        """The environments of all products."""
        return frozenset(name for path in self.paths.values() for name in path.names)

    @property
    def union(self) -> PromotionPath:
        """The environments of all products as one path, for commands about every product."""
        every = {each.name: each for path in self.paths.values() for each in path.environments}
        return PromotionPath(
            tuple(replace(each, after=(), any_source=False) for each in every.values())
        )

    @property
    def here(self) -> tuple[str, ...]:
        """The environments of the default product."""
        return () if self.default is None else self.paths[self.default].names
