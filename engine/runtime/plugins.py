"""Finds the plug-ins of installed packages, by the entry points that they declare."""

from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution
from typing import Any

from engine.domain.errors import ConfigError
from engine.domain.text import printable


@dataclass(frozen=True, slots=True)
class Plugin:
    """The entry point of a plug-in, and the package that declares it."""

    package: str
    version: str
    point: EntryPoint

    @property
    def label(self) -> str:
        """The package and its version, as records name it."""
        return f"{self.package} {self.version}"

    def load(self) -> Any:
        """Import the object of the plug-in; ConfigError naming the package if that fails."""
        try:
            return self.point.load()
        # Extensions in Rust panic with a BaseException.
        except BaseException as error:
            raise ConfigError(
                f"plug-in {self.point.name} cannot be loaded from the package {self.label} "
                f"({type(error).__name__}: {printable(str(error))[:200]}): install it again"
            ) from error


def find_plugin(group: str, package: str, name: str) -> Plugin:
    """
    Find the plug-in `name` of `group` in the installed `package`; no other package is looked at.

    ConfigError if the package is not installed, or does not declare it.
    """
    try:
        found: Distribution = distribution(package)
    # A package without a name is a ValueError.
    except (PackageNotFoundError, ValueError) as error:
        raise ConfigError(
            f"plug-in {name} needs the package {package}, which is not installed: "
            f"pip install {package}"
        ) from error
    version = printable(found.version)[:80]
    points = found.entry_points.select(group=group)
    for point in points.select(name=name):
        return Plugin(package, version, point)
    others = ", ".join(sorted(point.name for point in points)) or "none"
    raise ConfigError(
        f"the package {package} {version} has no plug-in {name} in {group} (it has: "
        f"{printable(others)[:200]}): install another version, or correct the name"
    )
