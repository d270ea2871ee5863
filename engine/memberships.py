"""Who somebody is to the rules at this moment, although they asked or agreed a while ago."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.domain.identity import Directory
from engine.domain.operator import IdentitySource, Operator

Regroup = Callable[[Operator], Operator]


class Memberships:
    """
    Reads the groups of people again (spec 10): in manifest.yaml, and where somebody of that source
    can be asked, there. What a token or a proxy said once is not to be had again, and stands.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._asked: dict[IdentitySource, Regroup] = {}

    @contextmanager
    def asking(self, source: IdentitySource, regroup: Regroup) -> Iterator[None]:
        """
        Have `regroup` asked about everybody of `source`: it returns whom nobody vouches for any
        more as not verified, and raises IdentityUnavailableError where it cannot tell.
        """
        self._asked[source] = regroup
        try:
            yield
        finally:
            del self._asked[source]

    def regroup(self, operator: Operator) -> Operator:
        return self._asked.get(operator.source, self._directory.regroup)(operator)
