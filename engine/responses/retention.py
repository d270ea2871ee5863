"""The answer about tags that a cleanup of the registry must keep."""

from typing import Self

from pydantic import Field, JsonValue

from engine.domain.record_base import DigestText
from engine.domain.retention import Retention
from engine.responses.common import Error, Response, Success, TraceId


class RetainedVersion(Response):
    """An artifact that runs, or that ran before."""

    version: str = Field(description="version of the artifact")
    digest: DigestText = Field(description="digest of the artifact")


class RetainedEnvironment(Response):
    """The artifacts of one environment."""

    environment: str = Field(description="the environment")
    versions: tuple[RetainedVersion, ...] = Field(
        description="the running version, then those to which a rollback is possible"
    )


class RetentionResponse(Response):
    """The answer of `platform retention`."""

    success: Success = Field(description="whether tags and ledgers could be read")
    environments: tuple[RetainedEnvironment, ...] = Field(description="environments, in order")
    patterns: tuple[str, ...] = Field(
        default=(), description="all tags to keep: patterns, then builds by name"
    )
    rules: JsonValue = Field(description="rules in the form of --format; null without it")
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, kept: Retention, rules: JsonValue, trace_id: str) -> Self:
        return cls.build(
            success=True,
            environments=[
                RetainedEnvironment.build(environment=row.environment, versions=row.versions)
                for row in kept.environments
            ],
            patterns=kept.tags,
            rules=rules,
            trace_id=trace_id,
        )
