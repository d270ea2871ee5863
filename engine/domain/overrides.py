"""Overrides of rules: requested by a promotion, and named in its record."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from engine.domain.record_base import is_unset

Rule = Literal["version order", "rolled back"]
_RULES = ("version order", "rolled back")


@dataclass(frozen=True, slots=True)
class Overrides:
    """
    The rules that a promotion asks to override, and the `reason`; false without any.

    With an `incident` it is a break-glass, which skips further rules.
    """

    allow_older: bool = False
    override_rollback: bool = False
    reason: str = ""
    incident: Annotated[str, Field(exclude_if=is_unset)] = ""

    def __bool__(self) -> bool:
        return self.allow_older or self.override_rollback or bool(self.incident)

    @property
    def options(self) -> tuple[str, ...]:
        """The command line options that request them."""
        older = ("--allow-older",) if self.allow_older else ()
        rolled_back = ("--override-rollback",) if self.override_rollback else ()
        glass = ("--break-glass", f"--incident {self.incident}") if self.incident else ()
        return (*older, *rolled_back, *glass)


NO_OVERRIDES = Overrides()


class Override(BaseModel):
    """An overridden rule: its finding, and the given reason."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    rule: Rule
    finding: str
    reason: str


class AnyFinding(Protocol):
    """A `Finding` or a `StoredFinding`."""

    @property
    def check(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def reason(self) -> str: ...


def used_overrides(asked: Overrides, findings: Iterable[AnyFinding]) -> tuple[Override, ...]:
    """Pick the overrides that turned a block into a warning; a rule that passed needs none."""
    warned = (each for each in findings if each.outcome == "warned" and each.check in _RULES)
    return tuple(
        Override.model_validate(
            {"rule": each.check, "finding": each.reason, "reason": asked.reason}
        )
        for each in warned
    )
