"""Who asks and who agrees, as established by authentication; never as typed in."""

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
    A person or a workload.

    `name` is the canonical identity: a vouched e-mail or registry user where there is one, else
    the qualified `id` itself (aliases are resolved first). `id` carries its source:
    `slack:<team>/<id>`, `oidc:<issuer>#<subject>`, `registry:<host>/<user>`, `os:<user>`.
    `names` are all the names manifest.yaml may mean them by, `claimed` those of the groups that
    the source itself spoke of; both, and `groups`, become `Names`, which compare without regard to
    case. `verified` is false for whom nobody but the caller vouches; `doubt` says why, and what to
    do.
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
        """Every name and id that is theirs."""
        return Names((self.name, self.id, *self.names))

    def same_as(self, other: "Operator") -> bool:
        """Whether both are one person."""
        return not self.identities.isdisjoint(other.identities)

    def __str__(self) -> str:
        return self.name
