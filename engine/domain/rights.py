"""Rights beyond the rules of one environment: who is known, who locks, who operates."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.domain.environment import Environment
from engine.domain.names import Names
from engine.domain.operator import IdentitySource, Operator

# These admit only people whom the operator of floe chose: our Slack workspace, our proxy.
_OURS = frozenset({IdentitySource.SLACK, IdentitySource.PROXY})


@dataclass(frozen=True, slots=True)
class Rights:
    """
    Who manifest.yaml names, beside the rules of one environment.

    `served` is set where requests come through a server (page, API, Slack): it acts with its own
    registry credentials, so that being able to ask proves nothing. `lockers` and `operators` are
    names and groups. `named` are all names that some rule speaks of, `groups` all groups.
    `issuers` are those that admit chosen subjects only.
    """

    served: bool = False
    lockers: Names = field(default_factory=Names)
    operators: Names = field(default_factory=Names)
    named: Names = field(default_factory=Names)
    groups: Names = field(default_factory=Names)
    issuers: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        environments: Iterable[Environment],
        *,
        people: Iterable[str],
        lockers: Iterable[str] = (),
        operators: Iterable[str] = (),
        issuers: Iterable[str] = (),
        served: bool = False,
    ) -> "Rights":
        """`people` are the names in `identity.groups` and `identity.aliases`."""
        listed = {*lockers, *operators}
        named, groups = {*people} | listed, {each for each in listed if _may_be_group(each)}
        for environment in environments:
            rules = environment.authorization
            named |= set((rules.allowed_operators if rules else None) or ())
            groups |= set(environment.groups)
        return cls(
            served=served,
            lockers=Names(lockers),
            operators=Names(operators),
            named=Names(named),
            groups=Names(groups),
            issuers=frozenset(issuers),
        )

    def know(self, operator: Operator) -> bool:
        """Whether some rule names `operator`, or their source admits chosen people only."""
        if not operator.verified:
            return False
        if operator.source in _OURS or self._chosen_by_issuer(operator):
            return True
        return bool(operator.names & self.named or operator.groups & self.groups)

    def may_operate(self, operator: Operator) -> bool:
        """Whether they may sync, deliver webhooks again, and run gates without promoting."""
        return operator.verified and _lists(self.operators, operator)

    def may_lock(self, operator: Operator) -> bool:
        """Whether they may lock any environment, also where they may not promote."""
        return operator.verified and _lists(self.lockers, operator)

    def _chosen_by_issuer(self, operator: Operator) -> bool:
        return any(operator.id.startswith(f"oidc:{issuer}#") for issuer in self.issuers)


def _lists(listed: Names, operator: Operator) -> bool:
    groups = Names(each for each in listed if _may_be_group(each))
    return bool(operator.names & listed or operator.groups & groups)


def _may_be_group(name: str) -> bool:
    """An e-mail address names a person, also where somebody called a group by it."""
    return "@" not in name
