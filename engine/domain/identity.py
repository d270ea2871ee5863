"""Resolve authenticated claims to an operator."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Protocol

from engine.domain.names import Names, canonical_name
from engine.domain.operator import IdentitySource, Operator


@dataclass(frozen=True, slots=True)
class Claims:
    """
    The claims of one identity source about an operator.

    `id` is qualified by its source. `verified_names` are unqualified names that the source has
    verified: an e-mail address, a user of the primary registry, an id in our own Slack team. Only
    those and the qualified id are compared with names in manifest.yaml. `doubt` says why the
    operator is not verified, with a hint.
    """

    id: str
    source: IdentitySource
    verified: bool
    verified_names: tuple[str, ...] = ()
    groups: Set[str] = frozenset()
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class UserCheck:
    """Whether a registry authenticates its users; `reason` says why not, or why it is unknown."""

    verified: bool
    reason: str = ""


# The user names that registries give to every holder of a token, so they name no person. The list
# cannot be complete: the protection is the check of the registry.
_SHARED_USERS = frozenset(
    {
        "aws",
        "oauth2accesstoken",
        "_json_key",
        "_json_key_base64",
        "_token",
        "$oauthtoken",
        "<token>",
        "gitlab-ci-token",
        "00000000-0000-0000-0000-000000000000",
    }
)
_SIGN_IN = "Sign in with floe login, or set FLOE_ID_TOKEN in CI"
_NO_PROVIDER = (
    "Ask in Slack or on the page, where people have names: floe login and FLOE_ID_TOKEN need a "
    "provider in identity.oidc"
)


def registry_claims(host: str, user: str, check: UserCheck, *, sign_in: bool = True) -> Claims:
    """
    Build the claims of `user`, whose password the registry `host` accepted.

    `sign_in` says whether manifest.yaml names a provider for a better identity.
    """
    if user.casefold() in _SHARED_USERS:
        check = UserCheck(False, f"'{user}' is a name that registry users share")
    names = (user,) if check.verified else ()
    doubt = "" if check.verified else f"{check.reason}. {_advice(sign_in)}"
    return Claims(
        f"registry:{host}/{user}", IdentitySource.REGISTRY, check.verified, names, doubt=doubt
    )


def os_claims(user: str, *, trusted: bool, sign_in: bool = True) -> Claims:
    """
    Build the claims of the operating system's user.

    The owner of a machine can become any user on it, so the name is verified only with
    `identity.trust_os_user`; `sign_in` as in `registry_claims`.
    """
    unverified = f"the operating system's user name is not verified. {_advice(sign_in)}"
    names, doubt = ((user,), "") if trusted else ((), unverified)
    return Claims(f"os:{user}", IdentitySource.OS, trusted, names, doubt=doubt)


def _advice(sign_in: bool) -> str:
    return _SIGN_IN if sign_in else _NO_PROVIDER


class Recorded(Protocol):
    """A record or a state, with the operator who made it; see `Record`."""

    @property
    def operator(self) -> str: ...
    @property
    def operator_id(self) -> str: ...
    @property
    def operator_names(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Directory:
    """
    The aliases and groups of `identity` in manifest.yaml.

    `people` maps the canonical form of every name in `aliases` to the person.
    """

    people: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, Names] = field(default_factory=dict)

    @classmethod
    def of(
        cls, aliases: Mapping[str, tuple[str, ...]], groups: Mapping[str, tuple[str, ...]]
    ) -> "Directory":
        """Build it from `identity.aliases` and `identity.groups` as manifest.yaml spells them."""
        people = {
            canonical_name(name): person
            for person, others in aliases.items()
            for name in (person, *others)
        }
        members = {
            group: Names(people.get(canonical_name(name), name) for name in listed)
            for group, listed in groups.items()
        }
        return cls(people, members)

    def operator(self, claims: Claims) -> Operator:
        """
        Resolve `claims` to an operator, whose name is the same through every interface.

        An unverified operator has the qualified id as the only name, and no groups: otherwise an
        alias would give them the name of another person.
        """
        if not claims.verified:
            return Operator(
                claims.id,
                claims.id,
                claims.source,
                verified=False,
                names=Names([claims.id]),
                doubt=claims.doubt,
            )
        own = (*claims.verified_names, claims.id)
        name = self._person_of(own)
        names = self.names_of(name) | Names(own)
        return Operator(
            name=name,
            id=claims.id,
            source=claims.source,
            verified=True,
            groups=claims.groups | self._groups_of(names),
            names=names,
            claimed=claims.groups,
        )

    def regroup(self, operator: Operator) -> Operator:
        """Update the names and groups of `operator` from the present manifest.yaml."""
        if not operator.verified:
            return operator
        name = self._person_of((operator.name, *sorted(operator.names)))
        names = self.names_of(name) | operator.names
        return replace(operator, names=names, groups=operator.claimed | self._groups_of(names))

    def members(self, group: str) -> Names:
        """The members of `group` in manifest.yaml; empty for an unknown group."""
        wanted = canonical_name(group)
        return next(
            (m for name, m in self.groups.items() if canonical_name(name) == wanted), Names()
        )

    def person(self, name: str) -> str:
        """Resolve a name in a record, which may be older than an alias, to the canonical name."""
        return self.people.get(canonical_name(name), name)

    def names_of(self, *names: str) -> Names:
        """Add all other names of the same people to `names`."""
        people = Names(self.person(name) for name in names)
        others = (name for name, person in self.people.items() if person in people)
        return Names((*names, *people, *others))

    def names_in(self, record: Recorded) -> Names:
        """All names of the operator of `record`, also by aliases that are newer than it."""
        found = self.names_of(record.operator, record.operator_id)
        return Names((*found, *record.operator_names, *_member_ids(record.operator_id)))

    def further_names(self, operator: Operator) -> tuple[str, ...]:
        """The names of `operator` that a record needs beside name and id; see `names_in`."""
        known = self.names_of(operator.name, operator.id, *_member_ids(operator.id))
        return tuple(sorted(operator.names - known))

    def _person_of(self, names: tuple[str, ...]) -> str:
        """The person of the first name that has an alias, else the first name."""
        return next((self.person(n) for n in names if canonical_name(n) in self.people), names[0])

    def _groups_of(self, names: Set[str]) -> Names:
        return Names(group for group, members in self.groups.items() if names & members)


def _member_ids(operator_id: str) -> tuple[str, ...]:
    """The short name in the id of a Slack user, whose workspace is ours."""
    return (operator_id.rpartition("/")[2],) if operator_id.startswith("slack:") else ()
