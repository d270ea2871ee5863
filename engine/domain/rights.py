"""Rights beyond the rules of one environment: known operators, lockers and floe's operators."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.domain.environment import Environment
from engine.domain.names import Names
from engine.domain.operator import IdentitySource, Operator

# Sources that admit only chosen people: our Slack workspace, our proxy.
_OURS = frozenset({IdentitySource.SLACK, IdentitySource.PROXY})


@dataclass(frozen=True, slots=True)
class Rights:
    """
    The names and groups of manifest.yaml that have rights in all environments.

    `served` is set for requests through a server (page, API, Slack): it uses its own registry
    credentials, so access to the registry proves nothing about the operator. `lockers` and
    `operators` are names and groups. `named` are all names in rules, `groups` all groups in rules.
    `issuers` are the OpenID issuers that admit only chosen subjects.
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
        """Collect the rights of manifest.yaml; `people` are all names in groups and aliases."""
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

    def knows(self, operator: Operator) -> bool:
        """Whether a rule names `operator`, or their source admits only chosen people."""
        if not operator.verified:
            return False
        if operator.source in _OURS or self._chosen_by_issuer(operator):
            return True
        return bool(operator.names & self.named or operator.groups & self.groups)

    def may_operate(self, operator: Operator) -> bool:
        """
        Whether `operator` may sync, redeliver webhooks, run gates without promoting, and rotate
        keys where they may promote.
        """
        return operator.verified and _is_listed(self.operators, operator)

    def may_lock(self, operator: Operator) -> bool:
        """Whether `operator` may lock any environment, also without the right to promote."""
        return operator.verified and _is_listed(self.lockers, operator)

    def _chosen_by_issuer(self, operator: Operator) -> bool:
        return any(operator.id.startswith(f"oidc:{issuer}#") for issuer in self.issuers)


def _is_listed(listed: Names, operator: Operator) -> bool:
    groups = Names(each for each in listed if _may_be_group(each))
    return bool(operator.names & listed or operator.groups & groups)


def _may_be_group(name: str) -> bool:
    """Whether `name` can be a group; an e-mail address always names a person."""
    return "@" not in name
