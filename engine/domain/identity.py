"""From what authentication established to who somebody is (spec 9)."""

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
    qualified id, are ever compared with names in manifest.yaml.
    """

    id: str
    source: IdentitySource
    verified: bool
    vouched: tuple[str, ...] = ()
    groups: Set[str] = frozenset()


# What registries call whoever shows a token: these names are nobody's (spec 9).
_GENERIC = frozenset(
    {
        "aws",
        "oauth2accesstoken",
        "_json_key",
        "_json_key_base64",
        "_token",
        "$oauthtoken",
        "<token>",
        "00000000-0000-0000-0000-000000000000",
    }
)
# These look at the token alone: whatever name is typed beside it is accepted.
_UNCHECKED = frozenset({"ghcr.io", "registry.gitlab.com"})


def registry_claims(host: str, user: str, *, primary: bool) -> Claims | None:
    """
    What registry `host` says by having asked for `user`'s password and accepted it; None for a
    name that names nobody. Only the `primary` registry vouches for the bare name.
    """
    if not user or user.casefold() in _GENERIC or host.casefold() in _UNCHECKED:
        return None
    vouched = (user,) if primary else ()
    return Claims(f"registry:{host}/{user}", IdentitySource.REGISTRY, True, vouched)


def os_claims(user: str, *, trusted: bool) -> Claims:
    """
    What the operating system says. Whoever owns a machine can be any user on it, so it counts only
    where `identity.trust_os_user` says so.
    """
    return Claims(f"os:{user}", IdentitySource.OS, trusted, (user,) if trusted else ())


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
                claims.id, claims.id, claims.source, verified=False, names=Names([claims.id])
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
