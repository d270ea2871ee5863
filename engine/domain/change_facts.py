"""The people, the check and the end of a change."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field, JsonValue
from pydantic_core import from_json, to_json

from engine.domain.error_record import restore_error
from engine.domain.errors import Details, PromotionError
from engine.domain.operator import IdentitySource, Operator
from engine.domain.record_base import Value


class Person(Value):
    """An operator as stored in a change; rights are read again before anything is written."""

    name: str
    id: str
    source: IdentitySource
    verified: bool
    groups: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()
    doubt: str = ""

    @classmethod
    def of(cls, operator: Operator) -> "Person":
        return cls(
            name=operator.name,
            id=operator.id,
            source=operator.source,
            verified=operator.verified,
            groups=frozenset(operator.groups),
            names=frozenset(operator.names),
            claimed=frozenset(operator.claimed),
            doubt=operator.doubt,
        )

    @property
    def operator(self) -> Operator:
        return Operator(
            self.name,
            self.id,
            self.source,
            self.verified,
            self.groups,
            self.names,
            self.claimed,
            self.doubt,
        )

    def same_as(self, operator: Operator) -> bool:
        """Whether both are one person, also by an alias that is newer than the change."""
        return self.operator.same_as(operator)


class Fingerprint(Value):
    """
    The facts that approvers agree to; a change becomes stale when one of them differs.

    The sequence of the ledger, locks, refusals, group members and durations are not part of it.
    `configuration` is the digest of the target's effective configuration, `verdicts` the status
    of every gate and of the signature, `rolled_back` describes a rollback of the source from the
    version.
    """

    digest: str
    action: str
    version: str
    source: str | None
    target: str
    running_version: str | None
    running_digest: str | None
    configuration: str
    verdicts: dict[str, str] = Field(default_factory=dict)
    rolled_back: str | None = None

    def differences(self, other: "Fingerprint") -> tuple[str, ...]:
        """List the fields that differ in `other`, each with the agreed and the found value."""
        return tuple(_differences(self.model_dump(), other.model_dump()))


class StoredFinding(Value):
    """A finding as it is stored in a change."""

    check: str
    outcome: str
    reason: str


class Ended(Value):
    """The error that ended a change; `by` and `interface` name the person and interface, if any."""

    reason_code: str
    message: str
    exit_code: int
    by: str | None = None
    interface: str | None = None
    # The class of the error; changes that ended under earlier versions of floe may lack it.
    error: str | None = None
    details: dict[str, JsonValue] = Field(default_factory=dict)

    @classmethod
    def of(
        cls, error: PromotionError, operator: Operator | None = None, interface: str | None = None
    ) -> "Ended":
        """The end of a change in `error`, decided by `operator` if given."""
        return cls(
            reason_code=error.reason_code,
            message=str(error),
            exit_code=error.exit_code,
            by=operator.name if operator else None,
            interface=interface,
            error=error.kind,
            details=from_json(to_json(error.details, fallback=str)),
        )

    def as_error(self, details: Details) -> PromotionError:
        """The error again, with `details` added to its own."""
        return restore_error(
            self.error, self.reason_code, self.exit_code, self.message, self.details | dict(details)
        )


def _differences(agreed: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    for name, value in agreed.items():
        other = found[name]
        if value == other:
            continue
        if isinstance(value, dict):
            for key in sorted(value.keys() | other.keys()):
                if value.get(key) != other.get(key):
                    yield f"{name}.{key}: {_format_difference(value.get(key), other.get(key))}"
        else:
            yield f"{name}: {_format_difference(value, other)}"


def _format_difference(agreed: str | None, found: str | None) -> str:
    return f"{agreed or 'nothing'} -> {found or 'nothing'}"
