"""Names of people and groups, compared without regard to case or Unicode form."""

from collections.abc import Iterable, Iterator, Set
from unicodedata import normalize

_OIDC = "oidc:"


def canonical_name(name: str) -> str:
    """
    Normalize a name, so that all its spellings are equal: case-folded and in NFC form.

    It is decomposed before it is folded, as Unicode's canonical caseless matching (D145) requires.
    The subject in `oidc:<issuer>#<subject>` keeps its case: OpenID Connect Core 2 compares it
    case-sensitively, and `main` and `Main` are two branches of a repository.
    """
    if name[:5].casefold() == _OIDC and "#" in name:
        issuer, _, subject = name.partition("#")
        return f"{_fold(issuer)}#{normalize('NFC', subject)}"
    return _fold(name)


def _fold(name: str) -> str:
    return normalize("NFC", normalize("NFD", name).casefold())


class Names(Set[str]):
    """A set of names that compares them by `canonical_name` and keeps them as they are spelled."""

    __slots__ = ("_spelled",)

    def __init__(self, names: Iterable[str] = ()) -> None:
        # Sorted, so that every run keeps the same one of two spellings.
        self._spelled = {canonical_name(name): name for name in sorted(names, reverse=True)}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and canonical_name(name) in self._spelled

    def __iter__(self) -> Iterator[str]:
        return iter(self._spelled.values())

    def __len__(self) -> int:
        return len(self._spelled)

    def __hash__(self) -> int:
        return hash(frozenset(self._spelled))

    def __repr__(self) -> str:
        return f"Names({sorted(self)})"
