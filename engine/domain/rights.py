"""Rights beyond the rules of one environment: known operators, lockers, admins and viewers."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.domain.environment import Environment
from engine.domain.names import Names
from engine.domain.operator import IdentitySource, Operator
from engine.domain.roles import Members

# Sources that admit only chosen people: our Slack workspace, our proxy.
_OURS = frozenset({IdentitySource.SLACK, IdentitySource.PROXY})


@dataclass(frozen=True, slots=True)
class Rights:
    """
    The names and groups of manifest.yaml that have rights in all environments.

    `served` is set for requests through a server (page, API, Slack): it uses its own registry
    credentials, so access to the registry proves nothing about the operator. `lockers` and
    `operators` are names and groups, `admins` have the rights of both. `named` are all people and
    groups in rules. `viewers` have a role, or are in the lists of an environment; with
    `members_only`, others do not see the product. `issuers` are the OpenID issuers that admit only
    chosen subjects.
    """

    served: bool = False
    lockers: Names = field(default_factory=Names)
    operators: Names = field(default_factory=Names)
    admins: Members = field(default_factory=Members)
    named: Members = field(default_factory=Members)
    viewers: Members = field(default_factory=Members)
    members_only: bool = False
    issuers: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        environments: Iterable[Environment],
        *,
        people: Iterable[str],
        lockers: Iterable[str] = (),
        operators: Iterable[str] = (),
        admins: Members | None = None,
        viewers: Members | None = None,
        members_only: bool = False,
        issuers: Iterable[str] = (),
        served: bool = False,
    ) -> "Rights":
        """
        Collect the rights of manifest.yaml; `people` are all names in groups and aliases, and
        `viewers` all who have a role.
        """
        admins, listed = admins or Members(), {*lockers, *operators}
        named = Members.of(filter(_may_be_group, listed), {*people} | listed) | admins
        in_rules = admins
        for environment in environments:
            rules = environment.authorization
            allowed = (rules.allowed_operators if rules else None) or ()
            approvals = environment.approvals
            delegates = (each.to for each in approvals.delegates)
            in_rules |= Members.of(environment.groups, (*allowed, *approvals.operators, *delegates))
        return cls(
            served=served,
            lockers=Names(lockers),
            operators=Names(operators),
            admins=admins,
            named=named | in_rules,
            viewers=in_rules | (viewers or Members()),
            members_only=members_only,
            issuers=frozenset(issuers),
        )

    @property
    def groups(self) -> Names:
        """All groups in rules, of which interfaces read the members."""
        return (self.named | self.viewers).groups

    def knows(self, operator: Operator) -> bool:
        """Whether a rule or role names `operator`, or their source admits only chosen people."""
        return self.may_act(operator) or self.viewers.admits(operator)

    def may_act(self, operator: Operator) -> bool:
        """Whether a server carries out requests of `operator` where no rule restricts them."""
        if not operator.verified:
            return False
        if operator.source in _OURS or self._chosen_by_issuer(operator):
            return True
        return self.named.admits(operator)

    def may_view(self, operator: Operator) -> bool:
        """Whether `operator` may see the product on the page and through the API."""
        if not self.members_only:
            return True
        allowed = self.may_operate(operator) or self.may_lock(operator)
        return allowed or self.viewers.admits(operator)

    @property
    def lists_operators(self) -> bool:
        """Whether manifest.yaml says who may operate floe."""
        return bool(self.operators or self.admins.groups or self.admins.operators)

    def may_operate(self, operator: Operator) -> bool:
        """
        Whether `operator` may sync, redeliver webhooks, run gates without promoting, and rotate
        keys where they may promote.
        """
        return operator.verified and (
            _is_listed(self.operators, operator) or self.admins.admits(operator)
        )

    def may_lock(self, operator: Operator) -> bool:
        """Whether `operator` may lock any environment, also without the right to promote."""
        return operator.verified and (
            _is_listed(self.lockers, operator) or self.admins.admits(operator)
        )

    def _chosen_by_issuer(self, operator: Operator) -> bool:
        return any(operator.id.startswith(f"oidc:{issuer}#") for issuer in self.issuers)


def _is_listed(listed: Names, operator: Operator) -> bool:
    groups = Names(each for each in listed if _may_be_group(each))
    return bool(operator.names & listed or operator.groups & groups)


def _may_be_group(name: str) -> bool:
    """Whether `name` can be a group; an e-mail address always names a person."""
    return "@" not in name
