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
        self._asked: tuple[tuple[IdentitySource, Regroup], ...] = ()

    @contextmanager
    def asking(self, source: IdentitySource, regroup: Regroup) -> Iterator[None]:
        """
        Have `regroup` asked about everybody of `source`: it returns whom nobody vouches for any
        more as not verified, and raises IdentityUnavailableError where it cannot tell.
        """
        asked = (source, regroup)
        self._asked = (asked, *self._asked)
        try:
            yield
        finally:
            self._asked = tuple(each for each in self._asked if each is not asked)

    def regroup(self, operator: Operator) -> Operator:
        asked = (regroup for source, regroup in self._asked if source is operator.source)
        return next(asked, self._directory.regroup)(operator)
