"""From what authentication established to who somebody is."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from engine.domain.names import Names, canonical_name
from engine.domain.operator import IdentitySource, Operator


@dataclass(frozen=True, slots=True)
class Claims:
    """
    What one source says of somebody.

    `id` is qualified by its source. `vouched` are the bare names the source stands for: an e-mail
    it verified, a user of the primary registry, an id in our own Slack team. Only those, and the
    qualified id, are ever compared with names in manifest.yaml. `doubt` says why it is not
    verified, and what to do.
    """

    id: str
    source: IdentitySource
    verified: bool
    vouched: tuple[str, ...] = ()
    groups: Set[str] = frozenset()
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class UserCheck:
    """Whether a registry tells its users apart; `reason` says why it is not known to."""

    verified: bool
    reason: str = ""


# The names registries give to everybody who shows a token. No registry user of such a name is a
# person; what protects is the check of the registry, since this list cannot be complete.
_SHARED = frozenset(
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
_SIGN_IN = "Sign in with FLOE_ID_TOKEN"


def registry_claims(host: str, user: str, check: UserCheck) -> Claims:
    """The claims of `user`, whose password registry `host` asked for and accepted."""
    if user.casefold() in _SHARED:
        check = UserCheck(False, f"'{user}' is a name that registry users share")
    vouched = (user,) if check.verified else ()
    doubt = "" if check.verified else f"{check.reason}. {_SIGN_IN}"
    return Claims(
        f"registry:{host}/{user}", IdentitySource.REGISTRY, check.verified, vouched, doubt=doubt
    )


def os_claims(user: str, *, trusted: bool) -> Claims:
    """
    What the operating system says. Whoever owns a machine can be any user on it, so it counts only
    where `identity.trust_os_user` says so.
    """
    doubt = "" if trusted else f"nobody vouches for the operating system's user. {_SIGN_IN}"
    return Claims(f"os:{user}", IdentitySource.OS, trusted, (user,) if trusted else (), doubt=doubt)


@dataclass(frozen=True, slots=True)
class Directory:
    """
    `identity` of manifest.yaml: the other names of a person, and who belongs to which group.

    `people` leads from the canonical form of every name in `aliases` to the person.
    """

    people: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, Names] = field(default_factory=dict)

    @classmethod
    def of(
        cls, aliases: Mapping[str, tuple[str, ...]], groups: Mapping[str, tuple[str, ...]]
    ) -> "Directory":
        """From the file's spelling: a person and their other names, a group and its members."""
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
        The operator of `claims`, under the name that is the same through every face.

        Whom nobody vouches for keeps the qualified id as the only name and is in no group: an
        alias must not lend them somebody's name.
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
        own = (*claims.vouched, claims.id)
        name = self._person_of(own)
        names = self.known_as(name) | Names(own)
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
        """`operator` with the names and groups they have now, as far as manifest.yaml says."""
        if not operator.verified:
            return operator
        name = self._person_of((operator.name, *sorted(operator.names)))
        names = self.known_as(name) | operator.names
        return replace(operator, names=names, groups=operator.claimed | self._groups_of(names))

    def members(self, group: str) -> Names:
        """The members of `group` that manifest.yaml names."""
        wanted = canonical_name(group)
        return next(
            (m for name, m in self.groups.items() if canonical_name(name) == wanted), Names()
        )

    def person(self, name: str) -> str:
        """The canonical name behind a name on record, which may be older than an alias."""
        return self.people.get(canonical_name(name), name)

    def known_as(self, *names: str) -> Names:
        """`names`, with every other name of the people they mean."""
        people = Names(self.person(name) for name in names)
        others = (name for name, person in self.people.items() if person in people)
        return Names((*names, *people, *others))

    def _person_of(self, names: tuple[str, ...]) -> str:
        """The person whom the first name with an alias means, else the first name."""
        return next((self.person(n) for n in names if canonical_name(n) in self.people), names[0])

    def _groups_of(self, names: Set[str]) -> Names:
        return Names(group for group, members in self.groups.items() if names & members)
