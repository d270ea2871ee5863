"""The rules under which a record is made, as one canonical document that its digest names."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from engine.domain.artifact import Digest, Tag
from engine.domain.environment import Approvals, Authorization, Environment, FixedLock
from engine.domain.identity import Directory
from engine.domain.path import PromotionPath


@dataclass(frozen=True)
class PolicyDocument:
    """
    The document with the canonical JSON `content`, as `Config.policy` makes it.

    It has no secrets: keys are digests, and environment variables are names. ValueError for other
    content.
    """

    content: bytes

    def __post_init__(self) -> None:
        _ = (self.path, self.directory)

    @cached_property
    def digest(self) -> str:
        """`sha256:…`, which every record made under these rules contains."""
        return str(Digest.of(self.content))

    @cached_property
    def path(self) -> PromotionPath:
        """The environments with their rules, except gates and signatures."""
        try:
            environments = tuple(_environment(each) for each in self.rules["environments"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"is not a policy document: {error!r}") from error
        if not environments:
            raise ValueError("is not a policy document: it has no environments")
        return PromotionPath(environments)

    @cached_property
    def directory(self) -> Directory:
        """The people and their other names."""
        try:
            identity = self.rules["identity"]
            return Directory.of(identity["aliases"], identity["groups"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"is not a policy document: {error!r}") from error

    @cached_property
    def rules(self) -> dict[str, Any]:
        """The decoded document."""
        try:
            rules = json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is not JSON: {error}") from error
        if not isinstance(rules, dict):
            raise ValueError("is not a policy document: it is not an object")
        return rules

    def environment(self, name: str) -> Environment | None:
        """The rules of the environment `name`; None if it is not on the path."""
        return next((each for each in self.path.environments if each.name == name), None)


def policy_tag(digest: str) -> Tag:
    """The tag of the document with `digest` in a registry; ValueError if that is not a digest."""
    return Tag(f"floe-policy.{Digest(digest).hex}")


def _environment(rules: dict[str, Any]) -> Environment:
    authorization, approvals, lock = rules["authorization"], rules["approvals"], rules["lock"]
    return Environment(
        name=rules["name"],
        authorization=authorization
        and Authorization(
            authorization["groups"],
            authorization["operators"],
            authorization["separation_of_duties"],
        ),
        approvals=Approvals(
            required=approvals["required"],
            groups=approvals["groups"],
            expires_after_seconds=approvals["expires_after_seconds"],
            rollback=approvals["rollback"],
        ),
        fixed_lock=lock
        and FixedLock(
            reason=lock["reason"],
            locked_by=lock["locked_by"],
            locked_at=datetime.fromisoformat(lock["at"]) if lock["at"] else None,
        ),
    )
