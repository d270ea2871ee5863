"""What a rollback undoes (FR-016)."""

from pydantic import BaseModel, ConfigDict


class ImpactAnalysis(BaseModel):
    """
    Differences from what runs to what would run, in words a person decides by.

    `breaking_changes` name fields by path: "Removed field: config.x", "Changed type: limits.memory
    (str -> int)". `not_compared` says which content could not be compared, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    breaking_changes: tuple[str, ...] = ()
    affected_products: tuple[str, ...] = ()
    versions_undone: tuple[str, ...] = ()
    seconds_undone: int | None = None
    recommendations: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
