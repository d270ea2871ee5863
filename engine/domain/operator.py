"""Operators, as established by authentication and never as typed in."""

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from engine.domain.names import Names


class IdentitySource(StrEnum):
    SLACK = "slack"
    OIDC = "oidc"
    PROXY = "proxy"
    REGISTRY = "registry"
    OS = "os"


@dataclass(frozen=True, slots=True)
class Operator:
    """
    The person or workload that asks or approves.

    `name` is the canonical identity: a verified e-mail address or registry user if there is one,
    else the qualified `id` (aliases are resolved first). `id` starts with its source:
    `slack:<team>/<id>`, `oidc:<issuer>#<subject>`, `registry:<host>/<user>`, `os:<user>`.
    `names` are all names that manifest.yaml may use, `claimed` the groups from the identity source
    itself; both, and `groups`, become `Names`, which compare without regard to case. `verified` is
    false if no identity source confirms the id; `doubt` then says why, with a hint.
    """

    name: str
    id: str
    source: IdentitySource
    verified: bool
    groups: Set[str] = Names()
    names: Set[str] = Names()
    claimed: Set[str] = Names()
    doubt: str = ""

    def __post_init__(self) -> None:
        for field in ("groups", "names", "claimed"):
            object.__setattr__(self, field, Names(getattr(self, field)))

    @property
    def identities(self) -> Names:
        """All names and ids of the operator."""
        return Names((self.name, self.id, *self.names))

    def same_as(self, other: "Operator") -> bool:
        """Whether both are one person."""
        return not self.identities.isdisjoint(other.identities)

    def __str__(self) -> str:
        return self.name
