"""Break-glass: rules about who may skip rules in an incident, and open reviews of it."""

from dataclasses import dataclass
from datetime import timedelta

from pydantic import Field

from engine.domain.names import Names
from engine.domain.record_base import UtcTime, Value, is_unset

# The state of an environment has them all, and fits into one manifest.
MAX_REVIEWS = 20


@dataclass(frozen=True, slots=True)
class BreakGlassRules:
    """
    Members of `groups` may use it; within `review_seconds` a member of `review_groups` reviews it.

    Without `review_groups`, those who approve changes of the environment review.
    """

    groups: Names
    review_seconds: int = 24 * 3600
    review_groups: Names | None = None

    @property
    def within(self) -> timedelta:
        return timedelta(seconds=self.review_seconds)


class OpenReview(Value):
    """
    The review of the record `record`, which is due at `due`; `operator` may not give it, also not
    under one of `operator_names`.

    A long `reason` is cut off here, and complete in the record.
    """

    record: str
    version: str
    incident: str
    reason: str
    operator: str
    operator_id: str
    due: UtcTime
    operator_names: tuple[str, ...] = Field(default=(), exclude_if=is_unset)

    @property
    def command(self) -> str:
        """The command of a reviewer."""
        return f"floe platform review {self.record} --reason …"
