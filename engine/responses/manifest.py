"""The answers about configuration files."""

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import Field

from engine.domain.policy_document import PolicyDocument
from engine.domain.record_base import DigestText
from engine.domain.rule_changes import RuleChange
from engine.responses.common import Error, Response, Success, TraceId, Warnings


class FileProblem(Response):
    """A mistake in a configuration file."""

    file: str = Field(description="path of the file")
    line: int | None = Field(ge=1, description="line in it; null if no line has the mistake")
    path: str = Field(description="path of the value, as `artifacts.registry.uri`; may be empty")
    message: str = Field(description="one sentence for people")


class CheckedFile(Response):
    """A file that was checked."""

    file: str = Field(description="path of the file")
    products: tuple[str, ...] = Field(
        description="names of its valid products; none for a single manifest"
    )


class ManifestCheckResponse(Response):
    """The answer of `manifest check`."""

    success: Success = Field(description="whether all files are valid")
    files: tuple[CheckedFile, ...] = Field(description="the files that can be read")
    problems: tuple[FileProblem, ...] = Field(description="all mistakes in all files")
    warnings: Warnings
    trace_id: TraceId
    error: Error


class ChangedRule(Response):
    """A rule that differs between two files."""

    kind: Literal["looser", "stricter", "other"] = Field(
        description="the direction; `other` if it cannot be decided"
    )
    environment: str | None = Field(description="null for a rule of the whole product")
    rule: str = Field(description="its place in the manifest, below the environment if it has one")
    text: str = Field(description="one sentence for people, with both values")


class ProductDiff(Response):
    """The rules of one product in two files."""

    product: str = Field(description="its name; empty for a single manifest")
    state: Literal["compared", "added", "removed"] = Field(
        description="whether both files have the product"
    )
    before: DigestText | None = Field(description="policy digest in OLD; null if it is added")
    after: DigestText | None = Field(description="policy digest in NEW; null if it is removed")
    changes: tuple[ChangedRule, ...] = Field(description="the rules that differ")

    @classmethod
    def of(
        cls,
        product: str,
        before: PolicyDocument | None,
        after: PolicyDocument | None,
        changes: Iterable[RuleChange],
    ) -> Self:
        """Describe the `changes` of `product`; None for the policy of a file without it."""
        state = "compared" if before and after else "removed" if before else "added"
        return cls.build(
            product=product,
            state=state,
            before=before.digest if before else None,
            after=after.digest if after else None,
            changes=[
                ChangedRule.build(
                    kind=each.kind.value,
                    environment=each.environment,
                    rule=each.rule,
                    text=each.text,
                )
                for each in changes
            ],
        )


class ManifestDiffResponse(Response):
    """The answer of `manifest diff`."""

    success: Success = Field(description="false with --fail-if-looser if a rule is looser")
    products: tuple[ProductDiff, ...] = Field(description="the products of both files")
    looser: int = Field(ge=0, description="number of looser rules")
    stricter: int = Field(ge=0, description="number of stricter rules")
    other: int = Field(ge=0, description="number of changes without a direction")
    trace_id: TraceId
    error: Error


class ManifestShowResponse(Response):
    """The answer of `manifest show`."""

    success: Success
    product: str | None = Field(description="name of the product; empty for a single manifest")
    owner: str | None = Field(description="owner of the product")
    file: str | None = Field(description="path of its file")
    policy_digest: DigestText | None = Field(description="digest of its rules, as in records")
    manifest: dict[str, Any] | None = Field(
        description="its settings and those that it inherits, without secrets"
    )
    origins: dict[str, str] | None = Field(
        description="file and line of each inherited setting, by its path"
    )
    trace_id: TraceId
    error: Error
