"""The rules under which a record is made, as one canonical document that its digest names."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from engine.domain.approval_rules import ApprovalRule, Delegate, Escalation
from engine.domain.artifact import Digest, Tag
from engine.domain.break_glass import BreakGlassRules
from engine.domain.environment import Approvals, Authorization, Environment, FixedLock
from engine.domain.identity import Directory
from engine.domain.names import Names
from engine.domain.path import PromotionPath
from engine.domain.recurrence import Recurrence, check_together
from engine.domain.recurrence_rules import TIME_FORMAT
from engine.domain.windows import Window, WindowKind

# Rules of hundreds of environments and thousands of people have a few hundred KiB.
MAX_POLICY_BYTES = 16 * 1024 * 1024


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
            windows = [_window(each) for each in self.rules.get("windows", ())]
            glass = _break_glass(self.rules.get("break_glass"))
            environments = tuple(
                replace(_environment(each, windows), break_glass=glass)
                for each in self.rules["environments"]
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"is not a policy document: {error!r}") from error
        check_together(each.times for each in windows if each.times)
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


def _window(rules: dict[str, Any]) -> Window:
    """Read a window; one of a calendar has no times."""
    listed = rules.get("environments")
    times = None
    if "dtstart" in rules:
        zone, _, start = rules["dtstart"].removeprefix("TZID=").partition(":")
        times = Recurrence(
            zone,
            datetime.strptime(start, TIME_FORMAT),
            rules.get("rrule"),
            datetime.strptime(rules["dtend"], TIME_FORMAT) if "dtend" in rules else None,
            rules.get("seconds"),
        )
    return Window(
        name=rules["name"],
        kind=WindowKind(rules["kind"]),
        times=times,
        environments=None if listed is None else frozenset(listed),
        operations=frozenset(rules["operations"]),
    )


def _environment(rules: dict[str, Any], windows: Iterable[Window]) -> Environment:
    authorization, approvals, lock = rules["authorization"], rules["approvals"], rules["lock"]
    return Environment(
        name=str(rules["name"]),
        authorization=authorization
        and Authorization(
            authorization["groups"],
            authorization["operators"],
            authorization["separation_of_duties"],
        ),
        approvals=_approvals(approvals),
        windows=tuple(each for each in windows if each.applies(rules["name"])),
        fixed_lock=lock
        and FixedLock(
            reason=lock["reason"],
            locked_by=lock["locked_by"],
            locked_at=datetime.fromisoformat(lock["at"]) if lock["at"] else None,
        ),
        after=tuple(rules.get("after", ())),
        any_source=rules.get("from") == "any",
    )


def _break_glass(rules: dict[str, Any] | None) -> BreakGlassRules | None:
    if rules is None:
        return None
    groups = rules["review"]["groups"]
    return BreakGlassRules(
        Names(rules["groups"]),
        rules["review"]["seconds"],
        None if groups is None else Names(groups),
    )


def _approvals(rules: dict[str, Any]) -> Approvals:
    later = rules.get("escalate")
    return Approvals(
        required=rules["required"],
        groups=rules["groups"],
        expires_after_seconds=rules["expires_after_seconds"],
        rollback=rules["rollback"],
        operators=rules.get("operators", ()),
        rules=tuple(
            ApprovalRule(each["name"], Names(each["groups"]), each["count"])
            for each in rules.get("rules", ())
        ),
        escalation=later and Escalation(later["after_seconds"], Names(later["groups"])),
        delegates=tuple(
            Delegate(name, each["to"], datetime.fromisoformat(each["until"]))
            for name, each in rules.get("delegates", {}).items()
        ),
    )
