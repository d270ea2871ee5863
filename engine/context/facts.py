"""Facts: each read once, side by side with the others, and only where it was declared."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from contextlib import suppress
from threading import Lock
from typing import Any, Generic, TypeVar, overload

from engine.domain.errors import PromotionError

T = TypeVar("T")


class Fact(Generic[T]):
    """
    Something to be read once: a property of a `Facts`, computed from its readers and other facts.

    Facts that are fetched together are read side by side; one that needs another waits for it, so
    the requests of a plan form as few waves as their dependencies allow.
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self.read = read
        self.name = read.__name__
        self.__doc__ = read.__doc__

    @overload
    def __get__(self, facts: None, owner: type) -> "Fact[T]": ...
    @overload
    def __get__(self, facts: "Facts", owner: type) -> T: ...
    def __get__(self, facts: "Facts | None", owner: type) -> "Fact[T] | T":
        return self if facts is None else facts.recall(self)


class Facts:
    """The reading side of a context: facts are fetched on demand, then only remembered."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._lock = Lock()
        self._fetching = False
        self._known: dict[str, Future[Any]] = {}

    def fetch(self, facts: Iterable[Fact[Any]]) -> None:
        """Read `facts` side by side; the first that fails, in the order given, is raised."""
        wanted = list(dict.fromkeys(facts))
        self._fetching = True
        try:
            # The last is read right here: a Ctrl-C must reach the gates that are waited for.
            for fact in wanted[:-1]:
                self._pool.submit(self.recall, fact)
            for fact in wanted[-1:]:
                with suppress(PromotionError):
                    self.recall(fact)
            for fact in wanted:
                self.recall(fact)
        finally:
            self._fetching = False

    def peek(self, fact: Fact[T]) -> T | None:
        """The fact if it was read, without reading it."""
        known = self._known.get(fact.name)
        return known.result() if known and known.done() else None

    def recall(self, fact: Fact[T]) -> T:
        # A rule about any request names the fact of the base; what is read is this context's own.
        own: Fact[T] = getattr(type(self), fact.name)
        with self._lock:
            known = self._known.get(fact.name)
            mine = known is None
            if known is None:
                if not self._fetching:
                    raise RuntimeError(f"the fact '{fact.name}' is used without being declared")
                known = self._known[fact.name] = Future()
        if mine:
            try:
                known.set_result(own.read(self))
            except BaseException as error:
                # Whoever waits for the fact must not wait for ever.
                known.set_exception(error)
                raise
        return known.result()  # type: ignore[no-any-return]  # one future type holds every fact
