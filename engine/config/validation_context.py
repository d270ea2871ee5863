"""The context in which the values of a file are validated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationInfo

# The prefixes of floe's own secrets.
OUR_PREFIXES = ("FLOE_", "SLACK_")
# The prefixes of variables that the clients in floe read: object stores and keys at AWS, Azure and
# Google, PostgreSQL, Vault, telemetry, and the identity of a job.
_CLIENT_PREFIXES = (
    *("AWS_", "AZURE_", "GOOGLE_", "PG", "VAULT_", "OTEL_"),
    "ACTIONS_ID_TOKEN_",
)


class SharedSections:
    """The validated sections of a server file's `defaults`, which products share."""

    def __init__(self) -> None:
        self._sections: dict[tuple[type[BaseModel], int], tuple[object, BaseModel]] = {}

    def keep(self, value: object, section: BaseModel) -> None:
        """Keep the `section` of exactly the object `value`, which is kept too: ids are reused."""
        self._sections[type(section), id(value)] = value, section

    def get(self, model: type[BaseModel], value: object) -> BaseModel | None:
        """Return the section of the object `value`, if there is one of `model`."""
        found = self._sections.get((model, id(value)))
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class ManifestContext:
    """
    The directory of the file and the environment variables, to which its values refer.

    `shares` tells whether this validation adds to the sections in `shared`. `variables` collects
    the environment variables to which its values refer. `reserved` are those of the server file,
    to which a product file must not refer; None for another file.
    """

    base: Path
    environ: Mapping[str, str]
    shared: SharedSections = field(default_factory=SharedSections)
    shares: bool = False
    variables: set[str] = field(default_factory=set)
    reserved: frozenset[str] | None = None


class PlacedText(str):
    """Text from another file than the validated one; a path in it starts at its `base`."""

    __slots__ = ("base",)

    base: Path

    @classmethod
    def at(cls, base: Path, text: str) -> "PlacedText":
        """Place `text` in a file in the directory `base`."""
        placed = cls(text)
        placed.base = base
        return placed


def context_of(info: ValidationInfo) -> ManifestContext:
    """Return the context of a validation."""
    if not isinstance(info.context, ManifestContext):
        raise TypeError("the file must be validated with a ManifestContext")
    return info.context


def check_variables(value: str, names: Iterable[str], info: ValidationInfo) -> None:
    """Refuse `names` in a `value` of a product file that are variables of the server."""
    reserved = context_of(info).reserved
    if reserved is None or isinstance(value, PlacedText):
        return
    for name in names:
        if name.startswith((*OUR_PREFIXES, *_CLIENT_PREFIXES)) or name in reserved:
            raise ValueError(f"the environment variable {name} is one of the server: use another")


def base_of(value: str, info: ValidationInfo) -> Path:
    """Return the directory where the path `value` starts."""
    return value.base if isinstance(value, PlacedText) else context_of(info).base
