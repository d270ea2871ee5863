"""The section `identity.roles`."""

import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field

from engine.config.error_messages import Node, Problem
from engine.config.field_types import AtLeastOne, Given, Names, Section
from engine.domain.roles import Members, Role, RoleKind, Roles

_PATTERN = re.compile(r"[a-z0-9*]+(?:[._-][a-z0-9*]+)*")


def _product_pattern(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError("must be the name of a product, in which * is any text")
    return text


ProductPattern = Annotated[str, AfterValidator(_product_pattern)]


class RoleEntry(Section):
    """A role of people and groups in some products."""

    role: RoleKind = Field(
        description="viewer sees a product, operator promotes, approver approves, and admin has "
        "all these rights, locks, and has those of identity.operators"
    )
    products: AtLeastOne[ProductPattern] = Field(
        default=("*",),
        description="names of products, in which * is any text; for a server file only",
        examples=[["checkout", "pay-*"]],
    )
    groups: Given[Names] = Field(default=None, description="groups", examples=[["sre"]])
    operators: Given[Names] = Field(
        default=None, description="names of people and jobs", examples=[["alice@acme.com"]]
    )


def roles_of(entries: tuple[RoleEntry, ...] | None) -> Roles:
    """Convert the section to that of the domain."""
    return Roles(
        tuple(
            Role(each.role, Members.of(each.groups or (), each.operators or ()), each.products)
            for each in entries or ()
        )
    )


def unmatched_products(
    entries: tuple[RoleEntry, ...] | None, names: Collection[str]
) -> Iterator[str]:
    """Find patterns of products that match none of `names`."""
    for pattern in dict.fromkeys(each for entry in entries or () for each in entry.products):
        if not any(fnmatchcase(name, pattern) for name in names):
            yield pattern


def role_problems(root: Node, *, several: bool) -> list[Problem]:
    """Find entries without people, and names of products where there is one without a name."""
    problems = []
    for entry in root["identity.roles"].items:
        if not (entry["groups"] or entry["operators"]):
            problems.append(entry.problem("names no one: add groups or operators"))
        if entry["products"] and not several:
            problems.append(
                entry["products"].problem("is for server files (kind: Server): leave it out")
            )
    return problems
