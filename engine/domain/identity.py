"""From what authentication established to who somebody is (spec 9)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Directory:
    """`identity` of manifest.yaml: the other names of a person, and who belongs to which group."""

    aliases: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, aliases: Mapping[str, tuple[str, ...]], groups: Mapping[str, tuple[str, ...]]
    ) -> "Directory":
        """From the file's spelling: a person and their other names, a group and its members."""
        names = {alias: person for person, others in aliases.items() for alias in others}
        members = {
            group: frozenset(names.get(name, name) for name in listed)
            for group, listed in groups.items()
        }
        return cls(names, members)

    def operator(self, claims: Claims) -> Operator:
        """The operator of `claims`, under the name that is the same through every face."""
        names = (*claims.vouched, claims.id)
        name = next((self.aliases[n] for n in names if n in self.aliases), names[0])
        known = frozenset({name, *names})
        member_of = {group for group, members in self.groups.items() if known & members}
        return Operator(
            name=name,
            id=claims.id,
            source=claims.source,
            verified=claims.verified,
            groups=claims.groups | member_of,
            names=known,
        )

    def person(self, name: str) -> str:
        """The canonical name behind a name on record, which may be older than an alias."""
        return self.aliases.get(name, name)
