"""The roles of people in products, and the environments in which they decide."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from engine.domain.environment import Authorization, Environment
from engine.domain.names import Names
from engine.domain.operator import Operator
from engine.domain.path import PromotionPath


class RoleKind(StrEnum):
    """The four roles; an admin has the rights of an operator and of an approver too."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Members:
    """People by name, and groups. Without any, they admit no one."""

    groups: Names = field(default_factory=Names)
    operators: Names = field(default_factory=Names)

    @classmethod
    def of(cls, groups: Iterable[str] = (), operators: Iterable[str] = ()) -> "Members":
        return cls(Names(groups), Names(operators))

    def __or__(self, others: "Members") -> "Members":
        return Members.of((*self.groups, *others.groups), (*self.operators, *others.operators))

    def admits(self, operator: Operator) -> bool:
        """Whether `operator` is verified and one of them."""
        listed = operator.names & self.operators or operator.groups & self.groups
        return operator.verified and bool(listed)


@dataclass(frozen=True, slots=True)
class Role:
    """Give `members` a role in the products that match a pattern, in which `*` is any text."""

    kind: RoleKind
    members: Members
    products: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class Roles:
    """All roles of a server or manifest."""

    entries: tuple[Role, ...] = ()

    def are_given(self, *kinds: RoleKind) -> bool:
        """Whether someone has one of `kinds` in any product, so that it restricts all products."""
        return any(each.kind in kinds for each in self.entries)

    def members(self, product: str, *kinds: RoleKind) -> Members:
        """Collect those who have one of `kinds` in `product`."""
        found = Members()
        for each in self.entries:
            if each.kind in kinds and any(fnmatchcase(product, p) for p in each.products):
                found |= each.members
        return found

    def apply(self, path: PromotionPath, product: str) -> PromotionPath:
        """
        Let roles decide in the environments of `product` that have no lists of their own.

        Operators and admins may promote, approvers and admins approve. Without these roles nothing
        changes.
        """
        return PromotionPath(tuple(self._applied(each, product) for each in path.environments))

    def _applied(self, environment: Environment, product: str) -> Environment:
        rules, approvals = environment.authorization or Authorization(), environment.approvals
        listed = rules.allowed_groups is not None or rules.allowed_operators is not None
        if self.are_given(RoleKind.OPERATOR, RoleKind.ADMIN) and not listed:
            members = self.members(product, RoleKind.OPERATOR, RoleKind.ADMIN)
            rules = replace(
                rules, allowed_groups=members.groups, allowed_operators=members.operators
            )
            environment = replace(environment, authorization=rules)
        if self.are_given(RoleKind.APPROVER) and approvals.groups is None:
            members = self.members(product, RoleKind.APPROVER, RoleKind.ADMIN)
            approvals = replace(approvals, groups=members.groups, operators=members.operators)
            environment = replace(environment, approvals=approvals)
        return environment
