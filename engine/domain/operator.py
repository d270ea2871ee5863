"""Who asks and who agrees, as established by authentication; never as typed in."""

from dataclasses import dataclass
from enum import StrEnum


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

    `name` is the canonical identity: two operators are the same person exactly when their names
    are equal (spec 9: aliases are resolved before any comparison). It is a vouched e-mail or
    registry user where there is one, else the qualified `id` itself. `id` carries its source:
    `slack:<team>/<id>`, `oidc:<issuer>#<subject>`, `registry:<host>/<user>`, `os:<user>`.
    `names` are all the names manifest.yaml may mean them by, `claimed` those of the groups that
    the source itself spoke of. `verified` is false for whom nobody but the caller vouches.
    """

    name: str
    id: str
    source: IdentitySource
    verified: bool
    groups: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name
