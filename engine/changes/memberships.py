"""Read the current groups of requesters and approvers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.config.people import Identity
from engine.domain.identity import Directory
from engine.domain.operator import IdentitySource, Operator

Regroup = Callable[[Operator], Operator]


class People:
    """
    The people of a server, as the section `identity` of its file says.

    A reload replaces `identity` and its `directory`: read them at each use, and do not keep them.
    All products share `memberships`, so a product that is reloaded asks the same sources at once.
    """

    def __init__(self, identity: Identity) -> None:
        self.replace(identity)
        self.memberships = Memberships(lambda: self.directory)

    def replace(self, identity: Identity) -> None:
        """Identify people by `identity` from now on."""
        self.identity = identity
        self.directory = Directory.of(identity.aliases, identity.groups)


class Memberships:
    """
    Read the groups of people again, from the present `directory` and from sources that can be
    asked.

    Groups from tokens and proxies cannot be refreshed; the original ones are kept.
    """

    def __init__(self, directory: Callable[[], Directory]) -> None:
        self._directory = directory
        self._asked: tuple[tuple[IdentitySource, Regroup], ...] = ()

    @contextmanager
    def asking(self, source: IdentitySource, regroup: Regroup) -> Iterator[None]:
        """
        Refresh operators of `source` with `regroup` inside the block.

        `regroup` returns an operator that its source no longer knows as unverified, and raises
        IdentityUnavailableError if the source does not answer.
        """
        asked = (source, regroup)
        self._asked = (asked, *self._asked)
        try:
            yield
        finally:
            self._asked = tuple(each for each in self._asked if each is not asked)

    def regroup(self, operator: Operator) -> Operator:
        asked = (regroup for source, regroup in self._asked if source is operator.source)
        return next(asked, self._directory().regroup)(operator)
